"""A request becomes a decision, referrals and events, in one transaction."""

from datetime import timedelta
from uuid import uuid4

from shared.contracts.cloudevents import CloudEvent
from shared.contracts.events import (
    CaseRoutedV1,
    CaseSentToTriageV1,
    PartnerDescribedV1,
    ReferralIssuedV1,
)
from shared.contracts.personal import RequestContent
from shared.plumbing.database import Row, Transaction
from tests.integration.router.rig import NOON, Rig, said

TWO_NEEDS = "Je veux demander l'APL à la CAF et renouveler ma carte Vitale à la CPAM"


async def test_two_needs_become_two_referrals_and_one_decision(router: Rig) -> None:
    request = router.submitted(TWO_NEEDS)
    events = await router.hear(request)

    assert sorted(said(events)) == ["case.routed", "referral.issued caf", "referral.issued cpam"]
    routed = next(e.data for e in events if isinstance(e.data, CaseRoutedV1))
    issued = {e.data.partner_id: e.data for e in events if isinstance(e.data, ReferralIssuedV1)}
    assert {r.referral_id for r in routed.referrals} == {i.referral_id for i in issued.values()}
    assert {need.partner_id for need in routed.needs} == {"caf", "cpam"}
    assert issued["caf"].unit_id == "75"
    opened = router.sealer.open(issued["caf"].sealed, RequestContent, bound_to=request.case_id)
    assert opened.text == TWO_NEEDS

    decision = await router.database.fetchrow("SELECT * FROM router.decisions")
    assert decision is not None
    assert (decision["outcome"], decision["decision_number"]) == ("route", 1)
    assert decision["decided_by"] == "router"
    assert decision["decided_at"] == NOON
    assert decision["model_version"]
    assert await router.database.fetchval("SELECT count(*) FROM router.referrals") == 2


async def test_nothing_the_visitor_wrote_is_stored_or_announced_in_clear(router: Rig) -> None:
    await router.hear(router.submitted("Bonjour, ici Zébulon Quatrebarbes, je veux l'APL"))

    rows = await router.database.fetch(
        "SELECT to_jsonb(c)::text || to_jsonb(d)::text || to_jsonb(r)::text AS everything "
        "FROM router.cases c JOIN router.decisions d USING (case_id) "
        "JOIN router.referrals r USING (case_id)"
    )
    assert rows
    assert not any("Quatrebarbes" in row["everything"] for row in rows)


class CountingTransaction(Transaction):
    """Counts the statements that are sent through it."""

    statements = 0

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        self.statements += 1
        return await super().fetch(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        self.statements += 1
        return await super().execute(sql, *args)


async def test_a_batch_of_many_cases_takes_a_handful_of_statements(router: Rig) -> None:
    batch = [
        CloudEvent(id=uuid4(), source="intake", time=NOON, data=router.submitted(TWO_NEEDS))
        for _ in range(100)
    ]
    async with router.database.transaction() as tx:
        counting = CountingTransaction(tx._connection)
        await router.consumer.handle(counting, batch)

    assert len(await router.announced()) == 300
    # Partners and cases read once; for every 25: cases, decisions, referrals, outbox written.
    assert counting.statements == 2 + 4 * 4


async def test_the_same_request_said_again_changes_nothing(router: Rig) -> None:
    request = router.submitted(TWO_NEEDS)
    first = await router.hear(request)
    again = await router.hear(request)  # under another event id: the inbox would not know it

    assert first
    assert again == []
    assert await router.database.fetchval("SELECT count(*) FROM router.decisions") == 1


async def test_ids_are_those_of_what_happened(router: Rig) -> None:
    request = router.submitted(TWO_NEEDS)
    first = await router.hear(request)
    await router.database.run_alone("TRUNCATE router.cases CASCADE")
    again = await router.hear(request)

    assert [event.id for event in again] == [event.id for event in first]
    assert again[-1].data == first[-1].data


async def test_a_vague_request_goes_to_a_person(router: Rig) -> None:
    (event,) = await router.hear(router.submitted("Bonjour, j'ai besoin d'aide"))

    assert isinstance(event.data, CaseSentToTriageV1)
    assert event.data.reason == "vague"
    assert await router.database.fetchval("SELECT count(*) FROM router.referrals") == 0


async def test_danger_goes_to_a_person_whatever_was_confirmed(router: Rig) -> None:
    (event,) = await router.hear(
        router.submitted(
            "ça sent le gaz chez moi très fort, j'ai mal à la tête", confirmed=("engie",)
        )
    )

    assert isinstance(event.data, CaseSentToTriageV1)
    assert event.data.danger == "gaz"
    assert event.data.urgent


async def test_out_of_scope_names_the_competent_body(router: Rig) -> None:
    (event,) = await router.hear(router.submitted("Je veux déclarer mes impôts sur le revenu"))

    assert isinstance(event.data, CaseRoutedV1)
    assert event.data.decision == "out_of_scope"
    assert [body.body_id for body in event.data.bodies] == ["dgfip"]
    assert all(body.name and body.how_to_reach for body in event.data.bodies)


async def test_nothing_is_sent_beyond_what_was_confirmed(router: Rig) -> None:
    events = await router.hear(router.submitted(TWO_NEEDS, scope="confirmed", confirmed=("caf",)))

    assert said(events) == ["referral.issued caf", "case.routed"]
    routed = events[-1].data
    assert isinstance(routed, CaseRoutedV1)
    assert routed.suggestions == ("cpam",)
    assert {need.partner_id for need in routed.needs} == {"caf"}


async def test_confirmed_scope_without_a_choice_waits_for_a_person(router: Rig) -> None:
    (event,) = await router.hear(router.submitted(TWO_NEEDS, scope="confirmed"))

    assert isinstance(event.data, CaseSentToTriageV1)
    assert event.data.reason == "nothing_confirmed"


async def test_what_a_client_names_as_a_partner_is_not_repeated(router: Rig) -> None:
    (event,) = await router.hear(
        router.submitted(TWO_NEEDS, scope="confirmed", confirmed=("Mme Quatrebarbes",))
    )

    assert isinstance(event.data, CaseSentToTriageV1)
    assert event.data.reason == "partner_not_served:unknown"
    assert "Quatrebarbes" not in event.data.model_dump_json()


async def test_a_partner_that_takes_nothing_now_is_left_to_a_person(router: Rig) -> None:
    everyone = [
        PartnerDescribedV1(
            partner_id=partner_id,
            name=partner_id,
            kind="rest",
            accepting=partner_id != "cpam",
            described_at=NOON,
        )
        for partner_id in ("caf", "cpam")
    ]
    await router.hear(*everyone)
    (event,) = await router.hear(router.submitted(TWO_NEEDS))

    assert isinstance(event.data, CaseSentToTriageV1)
    assert event.data.reason == "partner_not_served:cpam"


async def test_an_older_word_about_a_partner_does_not_replace_a_later_one(router: Rig) -> None:
    later = PartnerDescribedV1(
        partner_id="caf", name="CAF", kind="rest", accepting=False, described_at=NOON
    )
    earlier = later.model_copy(
        update={"accepting": True, "described_at": NOON - timedelta(hours=1)}
    )
    await router.hear(later)
    await router.hear(earlier)

    assert await router.database.fetchval("SELECT accepting FROM router.partners") is False


async def test_a_withdrawal_that_came_first_wins(router: Rig) -> None:
    case_id = uuid4()
    assert await router.hear(router.withdrawn(case_id)) == []
    assert await router.hear(router.submitted(TWO_NEEDS, case_id=case_id)) == []

    assert await router.database.fetchval("SELECT count(*) FROM router.referrals") == 0


async def test_a_case_may_be_spoken_of_all_over_a_long_batch(router: Rig) -> None:
    case_id = uuid4()
    others = [router.submitted("Je veux demander l'APL") for _ in range(120)]
    events = await router.hear(
        router.submitted(TWO_NEEDS, case_id=case_id), *others, router.withdrawn(case_id)
    )

    of_it = said([event for event in events if event.data.subject == str(case_id)])
    assert sorted(of_it[-2:]) == ["referral.recalled caf", "referral.recalled cpam"]
    assert len(of_it) == 5


async def test_a_withdrawal_in_the_same_batch_recalls_what_was_issued(router: Rig) -> None:
    case_id = uuid4()
    events = await router.hear(
        router.submitted(TWO_NEEDS, case_id=case_id), router.withdrawn(case_id)
    )

    assert sorted(said(events)[:3]) == [
        "case.routed",
        "referral.issued caf",
        "referral.issued cpam",
    ]
    assert sorted(said(events)[3:]) == ["referral.recalled caf", "referral.recalled cpam"]
    live = await router.database.fetchval(
        "SELECT count(*) FROM router.referrals WHERE ended_at IS NULL"
    )
    assert live == 0
