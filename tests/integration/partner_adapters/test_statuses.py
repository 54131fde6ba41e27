"""What partners say, on a real PostgreSQL: moved, kept, passed on, never backwards."""

import pytest

from shared.contracts.personal import WrittenContent
from tests.integration.partner_adapters.house import House

DELIVERED = "referral.delivered.v1"
CHANGED = "referral.status_changed.v1"
MESSAGE = "referral.message_received.v1"
REFERENCE = "referral.reference_given.v1"


@pytest.fixture
async def delivered(house: House):
    event = await house.issue()
    [claimed] = await house.claim()
    await house.record(claimed)
    return event


async def test_a_partners_word_moves_the_referral(house: House, delivered):
    assert await house.say(delivered.referral_id, "ACCUSE") == "moved"
    assert await house.say(delivered.referral_id, "TRAITE", message="versé le 5") == "moved"
    assert (await house.referral(delivered))["status"] == "resolved"
    assert await house.said(delivered) == [DELIVERED, CHANGED, CHANGED]


async def test_the_same_status_again_changes_nothing(house: House, delivered):
    await house.say(delivered.referral_id, "ACCUSE", status_id="evt-1")
    assert await house.say(delivered.referral_id, "ACCUSE", status_id="evt-1") == "repeated"
    assert await house.said(delivered) == [DELIVERED, CHANGED]


async def test_a_late_status_is_kept_and_moves_nothing_backwards(house: House, delivered):
    await house.say(delivered.referral_id, "TRAITE")
    assert await house.say(delivered.referral_id, "ACCUSE") == "kept"
    assert (await house.referral(delivered))["status"] == "resolved"
    said = await house.database.fetch(
        "SELECT word, meaning FROM partner_adapters.seen_statuses WHERE referral_id = $1",
        delivered.referral_id,
    )
    assert sorted((row["word"], row["meaning"]) for row in said) == [
        ("ACCUSE", "kept"),
        ("TRAITE", "moved"),
    ]


async def test_a_second_question_is_passed_on_as_a_message(house: House, delivered):
    await house.say(delivered.referral_id, "PIECE_DEMANDEE", message="Vos bulletins ?")
    again = await house.say(delivered.referral_id, "PIECE_DEMANDEE", message="Et le bail ?")
    assert again == "message"
    assert await house.said(delivered) == [DELIVERED, CHANGED, MESSAGE]


async def test_a_status_before_the_record_proves_the_delivery(house: House):
    event = await house.issue()
    [claimed] = await house.claim()
    assert await house.say(event.referral_id, "ACCUSE") == "moved"
    assert (await house.delivery(event))["state"] == "delivered"
    assert await house.record(claimed, partner_reference="CAF-7") is None
    assert await house.said(event) == [DELIVERED, CHANGED, REFERENCE]
    assert (await house.referral(event))["partner_reference"] == "CAF-7"
    told = await house.row(
        "SELECT convert_from(value, 'UTF8')::jsonb AS data FROM partner_adapters.outbox "
        "ORDER BY id DESC"
    )
    assert (told["data"]["partner_reference"], told["data"]["number"]) == ("CAF-7", 3)


async def test_a_status_s_own_reference_is_told_once(house: House):
    event = await house.issue()
    [claimed] = await house.claim()
    await house.say(event.referral_id, "ACCUSE", reference="CAF-8")
    assert await house.said(event) == [DELIVERED, CHANGED]
    assert await house.record(claimed, partner_reference="CAF-7") is None
    await house.say(event.referral_id, "TRAITE", reference="CAF-9")
    assert await house.said(event) == [DELIVERED, CHANGED, CHANGED]
    assert (await house.referral(event))["partner_reference"] == "CAF-8"


async def test_an_unknown_word_needs_a_person_and_shows_what_was_said(house: House, delivered):
    assert await house.say(delivered.referral_id, "EN_GREVE", message="Revenez") == "unknown_word"
    referral = await house.referral(delivered)
    assert (referral["needs_person"], referral["status"]) == (True, "delivered")
    event = await house.row(
        "SELECT convert_from(value, 'UTF8')::jsonb AS data FROM partner_adapters.outbox "
        "ORDER BY id DESC"
    )
    assert event["data"]["needs_person"] is True
    opened = house.sealer.open(event["data"]["sealed"], WrittenContent, bound_to=delivered.case_id)
    assert (opened.text, opened.partner_word) == ("Revenez", "EN_GREVE")


async def test_a_refusal_says_why_and_an_unknown_reason_is_not_guessed(house: House, delivered):
    assert await house.say(delivered.referral_id, "REJETE", reason="grève") == "unknown_word"
    assert await house.say(delivered.referral_id, "REJETE", reason="hors_competence") == "moved"
    event = await house.row(
        "SELECT convert_from(value, 'UTF8')::jsonb AS data FROM partner_adapters.outbox "
        "ORDER BY id DESC"
    )
    assert (event["data"]["status"], event["data"]["refusal_reason"]) == (
        "refused",
        "not_competent",
    )


async def test_another_partners_referral_is_foreign_and_untouched(house: House, delivered):
    said = await house.say(delivered.referral_id, "done", partner_id="engie")
    assert said == "foreign"
    assert (await house.referral(delivered))["status"] == "delivered"
    assert await house.said(delivered) == [DELIVERED]


async def test_what_a_partner_wrote_is_stored_sealed_only(house: House, delivered):
    await house.say(delivered.referral_id, "PIECE_DEMANDEE", message="le bail de Mme Diallo")
    found = await house.database.fetchval(
        "SELECT count(*) FROM partner_adapters.seen_statuses s WHERE s::text LIKE '%Diallo%'"
    )
    told = await house.database.fetchval(
        "SELECT count(*) FROM partner_adapters.outbox "
        "WHERE convert_from(value, 'UTF8') LIKE '%Diallo%' OR headers::text LIKE '%Diallo%'"
    )
    assert (found, told) == (0, 0)
