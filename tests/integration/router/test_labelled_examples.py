"""Decisions and refusals are kept as examples: masked, sealed, erased with their case."""

from uuid import UUID

from services.router.learning.read_examples import read_examples
from services.router.learning.taught_texts import Example
from shared.contracts.events import ReferralIssuedV1, ReferralStatusChangedV1
from shared.contracts.referral_status import ReferralStatus, RefusalReason
from tests.integration.router.rig import NOON, UNDO, Rig

TEXT = "Bonjour, ici Paul Zywan, 06 98 76 54 32, j'ai besoin d'aide pour 1 250 euros"
TWO_NEEDS = "Je veux demander l'APL à la CAF et renouveler ma carte Vitale à la CPAM"


async def examples(router: Rig) -> list[Example]:
    return await read_examples(router.database, sealer=router.sealer)


async def decided(router: Rig, *partners: str) -> UUID:
    """A case that a person has decided on."""
    request = router.submitted(TEXT)
    await router.hear(request)
    await router.hear(router.reroute(request.case_id, *partners))
    assert await examples(router) == [], "what may be undone teaches nothing yet"
    router.clock.move(UNDO)
    await router.held.issue_due()
    return request.case_id


async def test_a_decision_of_the_triage_is_kept_without_identity(router: Rig) -> None:
    case_id = await decided(router, "mairie", "caf")
    (example,) = await examples(router)

    assert (example.lesson.case_id, example.lesson.source) == (case_id, "triage")
    assert example.lesson.agencies == ("caf", "mairie")
    assert example.lesson.model_version
    assert "besoin d'aide" in example.text
    assert not any(char.isdigit() for char in example.text)


async def test_nobody_competent_is_a_lesson_too(router: Rig) -> None:
    await decided(router, "hors_perimetre")
    (example,) = await examples(router)

    assert example.lesson.agencies == ("hors_perimetre",)


async def test_an_example_rests_sealed(router: Rig) -> None:
    await decided(router, "caf")
    row = await router.database.fetchrow("SELECT * FROM router.labelled_examples")

    assert row is not None
    assert "besoin" not in str(dict(row))


async def test_examples_are_erased_with_their_case(router: Rig) -> None:
    case_id = await decided(router, "caf")
    await router.database.run_alone("DELETE FROM router.cases WHERE case_id = $1", case_id)

    assert await examples(router) == []


async def test_a_reroute_and_a_refusal_teach_who_was_wrong(router: Rig) -> None:
    request = router.submitted(TWO_NEEDS)
    events = await router.hear(request)
    issued = {e.data.partner_id: e.data for e in events if isinstance(e.data, ReferralIssuedV1)}
    cpam = issued["cpam"]
    await router.hear(router.reroute(request.case_id, "casvp", referral_id=cpam.referral_id))
    router.clock.move(UNDO)
    await router.held.issue_due()
    router.clock.move(UNDO)
    await router.hear(
        ReferralStatusChangedV1(
            case_id=request.case_id,
            referral_id=issued["caf"].referral_id,
            partner_id="caf",
            number=2,
            at=NOON,
            status=ReferralStatus.REFUSED,
            refusal_reason=RefusalReason.NOT_COMPETENT,
            received_at=NOON,
        )
    )
    reroute, refusal = [example.lesson for example in await examples(router)]

    assert (reroute.source, reroute.agencies) == ("reroute", ("caf", "casvp"))
    assert reroute.not_agencies == ("cpam",)
    assert (refusal.source, refusal.agencies, refusal.not_agencies) == ("refusal", (), ("caf",))


async def test_what_a_person_unticks_is_learned_from(router: Rig) -> None:
    await router.hear(router.submitted(TWO_NEEDS, removed=("cpam",)))
    (example,) = await examples(router)

    assert (example.lesson.source, example.lesson.agencies) == ("preview", ("caf",))
    assert example.lesson.not_agencies == ("cpam",)


async def test_what_nobody_touched_teaches_nothing(router: Rig) -> None:
    await router.hear(router.submitted(TWO_NEEDS))

    assert await examples(router) == []


async def test_a_seal_that_does_not_open_holds_up_no_refusal(router: Rig) -> None:
    request = router.submitted(TWO_NEEDS)
    events = await router.hear(request)
    issued = next(e.data for e in events if isinstance(e.data, ReferralIssuedV1))
    await router.database.run_alone("UPDATE router.cases SET sealed = 'damaged'")
    (event,) = await router.hear(
        ReferralStatusChangedV1(
            case_id=request.case_id,
            referral_id=issued.referral_id,
            partner_id=issued.partner_id,
            number=2,
            at=NOON,
            status=ReferralStatus.REFUSED,
            refusal_reason=RefusalReason.NOT_COMPETENT,
            received_at=NOON,
        )
    )

    assert event.data.TYPE == "case.sent_to_triage.v1"
    assert await examples(router) == []
