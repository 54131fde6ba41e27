"""Withdrawals, answers, people's decisions and agencies' refusals of a case already routed."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.router.case_file import UnknownReferral
from services.router.hold_reroute import UnknownCase
from shared.contracts.cloudevents import CloudEvent
from shared.contracts.events import (
    CaseRoutedV1,
    CaseSentToTriageV1,
    ReferralAnswerGivenV1,
    ReferralIssuedV1,
    ReferralRecalledV1,
    ReferralStatusChangedV1,
    RequestAnsweredV1,
)
from shared.contracts.referral_status import ReferralStatus, RefusalReason
from tests.integration.router.rig import NOON, UNDO, Rig, said

TWO_NEEDS = "Je veux demander l'APL à la CAF et renouveler ma carte Vitale à la CPAM"


async def routed(router: Rig) -> tuple[UUID, dict[str, ReferralIssuedV1]]:
    """A case with one referral to caf and one to cpam."""
    request = router.submitted(TWO_NEEDS)
    events = await router.hear(request)
    issued = {e.data.partner_id: e.data for e in events if isinstance(e.data, ReferralIssuedV1)}
    assert set(issued) == {"caf", "cpam"}
    return request.case_id, issued


def refused(
    issued: ReferralIssuedV1, reason: RefusalReason = RefusalReason.NOT_COMPETENT
) -> ReferralStatusChangedV1:
    return ReferralStatusChangedV1(
        case_id=issued.case_id,
        referral_id=issued.referral_id,
        partner_id=issued.partner_id,
        number=2,
        at=NOON,
        status=ReferralStatus.REFUSED,
        refusal_reason=reason,
        received_at=NOON,
    )


async def after_the_undo(router: Rig) -> list[CloudEvent]:
    router.clock.move(UNDO)
    await router.held.issue_due()
    return await router.announced()


async def test_a_withdrawal_recalls_every_live_referral_once(router: Rig) -> None:
    case_id, _ = await routed(router)
    events = await router.hear(router.withdrawn(case_id))
    again = await router.hear(router.withdrawn(case_id))

    assert sorted(said(events)) == ["referral.recalled caf", "referral.recalled cpam"]
    assert {e.data.because for e in events if isinstance(e.data, ReferralRecalledV1)} == {
        "withdrawn"
    }
    assert again == []


async def test_an_answer_takes_the_road_of_its_referral(router: Rig) -> None:
    case_id, issued = await routed(router)
    answer = RequestAnsweredV1(
        case_id=case_id,
        answer_id=uuid4(),
        referral_id=issued["cpam"].referral_id,
        answered_at=NOON,
        answered_by="agent-1",
        sealed="sealed",
    )
    (event,) = await router.hear(answer)

    assert isinstance(event.data, ReferralAnswerGivenV1)
    assert (event.data.partner_id, event.data.answer_id) == ("cpam", answer.answer_id)
    assert event.data.sealed == "sealed"


async def test_an_answer_to_a_withdrawn_case_goes_nowhere(router: Rig) -> None:
    case_id, issued = await routed(router)
    await router.hear(router.withdrawn(case_id))
    answer = RequestAnsweredV1(
        case_id=case_id,
        answer_id=uuid4(),
        referral_id=issued["caf"].referral_id,
        answered_at=NOON,
        answered_by="agent-1",
        sealed="sealed",
    )

    assert await router.hear(answer) == []


async def test_an_answer_on_a_referral_nobody_issued_needs_a_person(router: Rig) -> None:
    case_id, _ = await routed(router)
    answer = RequestAnsweredV1(
        case_id=case_id,
        answer_id=uuid4(),
        referral_id=uuid4(),
        answered_at=NOON,
        answered_by="agent-1",
        sealed="sealed",
    )
    with pytest.raises(UnknownReferral):
        await router.hear(answer)


async def test_a_reroute_is_held_then_issued(router: Rig) -> None:
    case_id, issued = await routed(router)
    old = issued["cpam"].referral_id
    asked = router.reroute(case_id, "casvp", referral_id=old)
    assert await router.hear(asked) == []
    router.clock.move(UNDO - timedelta(seconds=1))
    assert await router.held.issue_due() == 0

    router.clock.move(timedelta(seconds=1))
    assert await router.held.issue_due() == 1
    events = await router.announced()

    assert said(events) == ["referral.recalled cpam", "referral.issued casvp", "case.routed"]
    decision = events[-1].data
    assert isinstance(decision, CaseRoutedV1)
    assert (decision.decision_number, decision.decided_by) == (2, "agent-1")
    assert decision.recalled == (old,)
    assert [r.partner_id for r in decision.referrals] == ["casvp"]
    # What stays with the CAF is still part of the decision in force.
    assert {need.partner_id for need in decision.needs} == {"caf", "casvp"}
    assert await router.held.issue_due() == 0


async def test_the_new_agency_gets_the_words_of_the_need_it_takes_over(router: Rig) -> None:
    case_id, issued = await routed(router)
    await router.hear(router.reroute(case_id, "casvp", referral_id=issued["cpam"].referral_id))
    events = await after_the_undo(router)

    (new,) = [e.data for e in events if isinstance(e.data, ReferralIssuedV1)]
    assert [need.demarche_id for need in new.needs] == ["casvp.autre"]
    assert set(new.needs[0].spans) == {s for need in issued["cpam"].needs for s in need.spans}
    assert new.sealed == issued["cpam"].sealed


async def test_the_last_word_on_a_referral_replaces_the_one_that_waits(router: Rig) -> None:
    case_id, issued = await routed(router)
    old = issued["cpam"].referral_id
    await router.hear(router.reroute(case_id, "casvp", referral_id=old))
    await router.hear(router.reroute(case_id, "mairie", referral_id=old))
    events = await after_the_undo(router)

    assert said(events) == ["referral.recalled cpam", "referral.issued mairie", "case.routed"]


async def test_a_withdrawal_cancels_what_is_held(router: Rig) -> None:
    case_id, issued = await routed(router)
    await router.hear(router.reroute(case_id, "casvp", referral_id=issued["cpam"].referral_id))
    await router.hear(router.withdrawn(case_id))

    assert await after_the_undo(router) == []
    assert await router.database.fetchval("SELECT state FROM router.held_decisions") == "cancelled"


async def test_a_person_settles_a_triage(router: Rig) -> None:
    request = router.submitted("Bonjour, j'ai besoin d'aide")
    await router.hear(request)
    await router.hear(router.reroute(request.case_id, "mairie"))
    events = await after_the_undo(router)

    assert said(events) == ["referral.issued mairie", "case.routed"]
    (new,) = [e.data for e in events if isinstance(e.data, ReferralIssuedV1)]
    assert new.unit_id == "75119"


async def test_a_person_may_say_that_nobody_here_is_competent(router: Rig) -> None:
    request = router.submitted("Bonjour, j'ai besoin d'aide")
    await router.hear(request)
    await router.hear(router.reroute(request.case_id, "hors_perimetre"))
    (event,) = await after_the_undo(router)

    assert isinstance(event.data, CaseRoutedV1)
    assert event.data.decision == "out_of_scope"


async def test_a_choice_nobody_serves_comes_back_to_triage(router: Rig) -> None:
    case_id, issued = await routed(router)
    await router.hear(router.reroute(case_id, "nimporte", referral_id=issued["cpam"].referral_id))
    (event,) = await after_the_undo(router)

    assert isinstance(event.data, CaseSentToTriageV1)
    assert event.data.reason == "partner_not_served:unknown"
    assert await router.database.fetchval("SELECT count(*) FROM router.referrals") == 2


async def test_a_decision_on_a_case_never_heard_of_needs_a_person(router: Rig) -> None:
    with pytest.raises(UnknownCase):
        await router.hear(router.reroute(uuid4(), "caf"))


async def test_one_held_decision_that_fails_holds_up_no_other(router: Rig) -> None:
    case_id, issued = await routed(router)
    broken, _ = await routed(router)
    await router.hear(router.reroute(broken, "mairie"))
    await router.hear(router.reroute(case_id, "casvp", referral_id=issued["cpam"].referral_id))
    await router.database.run_alone(
        "UPDATE router.cases SET sealed = 'damaged' WHERE case_id = $1", broken
    )
    events = await after_the_undo(router)

    assert {event.data.subject for event in events} == {str(case_id)}


@pytest.mark.parametrize("reason", [RefusalReason.NOT_COMPETENT, RefusalReason.OUTSIDE_AREA])
async def test_an_agency_that_is_not_the_one_sends_the_need_back(
    router: Rig, reason: RefusalReason
) -> None:
    _, issued = await routed(router)
    (event,) = await router.hear(refused(issued["cpam"], reason))

    sent_back = event.data
    assert isinstance(sent_back, CaseSentToTriageV1)
    assert sent_back.returned_referral_id == issued["cpam"].referral_id
    assert sent_back.decision_number == 2
    assert sent_back.reason == f"returned:{reason.value}"
    assert [need.partner_id for need in sent_back.needs] == [None]
    excluded = await router.database.fetchval("SELECT excluded_partners FROM router.cases")
    assert excluded == ["cpam"]


async def test_the_same_refusal_again_changes_nothing(router: Rig) -> None:
    _, issued = await routed(router)
    await router.hear(refused(issued["cpam"]))

    assert await router.hear(refused(issued["cpam"])) == []


async def test_other_refusals_and_statuses_are_the_agencys_business(router: Rig) -> None:
    _, issued = await routed(router)
    resolved = refused(issued["caf"]).model_copy(
        update={"status": ReferralStatus.RESOLVED, "refusal_reason": None}
    )

    assert await router.hear(refused(issued["cpam"], RefusalReason.DUPLICATE), resolved) == []
    assert await router.database.fetchval("SELECT count(*) FROM router.decisions") == 1


async def test_a_person_settles_what_an_agency_sent_back(router: Rig) -> None:
    case_id, issued = await routed(router)
    await router.hear(refused(issued["cpam"]))
    await router.hear(router.reroute(case_id, "casvp"))
    events = await after_the_undo(router)

    assert said(events) == ["referral.issued casvp", "case.routed"]
    decision = events[-1].data
    assert isinstance(decision, CaseRoutedV1)
    assert decision.decision_number == 3
    assert {need.partner_id for need in decision.needs} == {"caf", "casvp"}


async def test_a_withdrawal_leaves_alone_what_an_agency_sent_back(router: Rig) -> None:
    case_id, issued = await routed(router)
    await router.hear(refused(issued["cpam"]))
    events = await router.hear(router.withdrawn(case_id))

    assert said(events) == ["referral.recalled caf"]


async def test_the_loop_issues_once_the_clock_has_moved(router: Rig) -> None:
    case_id, issued = await routed(router)
    await router.hear(router.reroute(case_id, "casvp", referral_id=issued["cpam"].referral_id))
    loop = asyncio.create_task(router.held.run())
    try:
        await asyncio.sleep(0.1)  # the loop has looked, found nothing due, and sleeps
        waiting = await router.announced()
        router.clock.move(UNDO)
        events: list[CloudEvent] = []
        for _ in range(200):
            events += await router.announced()
            if events:
                break
            await asyncio.sleep(0.02)
    finally:
        loop.cancel()

    assert waiting == []
    assert said(events) == ["referral.recalled cpam", "referral.issued casvp", "case.routed"]


async def test_a_withdrawal_under_way_is_not_overtaken_by_a_held_decision(router: Rig) -> None:
    case_id, issued = await routed(router)
    await router.hear(router.reroute(case_id, "casvp", referral_id=issued["cpam"].referral_id))
    router.clock.move(UNDO)
    withdrawal = CloudEvent(id=uuid4(), source="intake", time=NOON, data=router.withdrawn(case_id))
    async with router.database.transaction() as tx:
        await router.consumer.handle(tx, [withdrawal])
        assert await router.held.issue_due() == 0
    assert await router.held.issue_due() == 0

    assert sorted(said(await router.announced())) == [
        "referral.recalled caf",
        "referral.recalled cpam",
    ]
