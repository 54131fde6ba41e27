"""Words nobody knew, on a real PostgreSQL: kept sealed, mapped once, repaired everywhere."""

import asyncio
from datetime import timedelta

import pytest

from services.partner_adapters.map_partner_word import MappedWord, map_partner_word
from services.partner_adapters.show_words import show_words
from shared.contracts.personal import WrittenContent
from shared.plumbing.problem_details import Problem
from tests.integration.partner_adapters.house import House

CHANGED = "referral.status_changed.v1"
DELIVERED = "referral.delivered.v1"
MESSAGE = "referral.message_received.v1"


async def delivered(house: House):
    event = await house.issue()
    [claimed] = await house.claim()
    await house.record(claimed)
    return event


async def map_word(house: House, word, meaning, *, kind="status", account="nadia"):
    return await map_partner_word(
        house.database,
        MappedWord("caf", kind, word, meaning),
        file_words=house.partners["caf"].status_words(),
        account=account,
        sealer=house.sealer,
        outbox=house.outbox,
        clock=house.clock,
    )


async def unknown(house: House):
    async with house.database.transaction() as tx:
        words = await show_words(
            tx,
            "caf",
            file_words=house.partners["caf"].status_words(),
            account="nadia",
            sealer=house.sealer,
            clock=house.clock,
        )
    return [(each.kind, each.word, each.said_with, each.referrals) for each in words]


async def status(house: House, event):
    referral = await house.referral(event)
    return referral["status"], referral["needs_person"]


async def meanings(house: House, event):
    rows = await house.database.fetch(
        "SELECT word, meaning FROM partner_adapters.seen_statuses WHERE referral_id = $1 "
        "ORDER BY said_at",
        event.referral_id,
    )
    return [(row["word"], row["meaning"]) for row in rows]


async def test_unknown_words_are_listed_the_most_frequent_first(house: House):
    first, second = await delivered(house), await delivered(house)
    await house.say(first.referral_id, "EN_GREVE")
    await house.say(second.referral_id, "EN_GREVE")
    await house.say(second.referral_id, "EN_GREVE")
    await house.say(second.referral_id, "REJETE", reason="en travaux")
    house.clock.move(timedelta(minutes=1))
    await house.say(second.referral_id, "FERME", reason="le lundi")
    assert await unknown(house) == [
        ("status", "EN_GREVE", None, 2),
        ("status", "FERME", "le lundi", 1),
        ("reason", "en travaux", "REJETE", 1),
    ]


async def test_an_unknown_word_is_stored_sealed_only_and_who_read_it_is_kept(house: House):
    event = await delivered(house)
    await house.say(event.referral_id, "vu avec Mme Diallo", reason="M. Diallo absent")
    found = await house.database.fetchval(
        "SELECT count(*) FROM partner_adapters.seen_statuses s WHERE s::text LIKE '%Diallo%'"
    )
    assert found == 0
    assert await unknown(house) == [("status", "vu avec Mme Diallo", "M. Diallo absent", 1)]
    action = await house.row("SELECT action, account FROM partner_adapters.partner_actions")
    assert action == {"action": "looked_at_words", "account": "nadia"}


async def test_mapping_a_word_once_repairs_all_that_had_it(house: House):
    events = [await delivered(house) for _ in range(3)]
    for event in events:
        await house.say(event.referral_id, "EN_GREVE", message="Revenez lundi")
        assert await status(house, event) == ("delivered", True)
    assert await map_word(house, "EN_GREVE", "in_progress") == 3
    for event in events:
        assert await status(house, event) == ("in_progress", False)
        assert await house.said(event) == [DELIVERED, MESSAGE, CHANGED]
        assert await meanings(house, event) == [("EN_GREVE", "moved")]
    assert await unknown(house) == []
    told = await house.row(
        "SELECT convert_from(value, 'UTF8')::jsonb AS data FROM partner_adapters.outbox "
        "ORDER BY id DESC"
    )
    sealed = told["data"]["sealed"]
    case_id = next(each.case_id for each in events if str(each.case_id) == told["data"]["case_id"])
    opened = house.sealer.open(sealed, WrittenContent, bound_to=case_id)
    assert (opened.text, opened.partner_word) == ("Revenez lundi", "EN_GREVE")


async def test_from_then_on_the_word_is_understood(house: House):
    event = await delivered(house)
    assert await map_word(house, "EN_GREVE", "in_progress") == 0
    assert await house.say(event.referral_id, "EN_GREVE") == "moved"
    assert await status(house, event) == ("in_progress", False)


async def test_mapping_it_again_changes_nothing_and_finishes_what_was_interrupted(house: House):
    event = await delivered(house)
    await house.say(event.referral_id, "EN_GREVE")
    await house.database.run_alone(
        "INSERT INTO partner_adapters.mapped_words VALUES "
        "('caf', 'status', 'EN_GREVE', 'in_progress', 'nadia', $1)",
        house.clock.now(),
    )
    assert await map_word(house, "EN_GREVE", "in_progress") == 1
    assert await map_word(house, "EN_GREVE", "in_progress") == 0
    assert await house.said(event) == [DELIVERED, MESSAGE, CHANGED]


async def test_a_word_that_has_a_meaning_keeps_it(house: House):
    await map_word(house, "EN_GREVE", "in_progress")
    for word in ("EN_GREVE", "TRAITE"):
        with pytest.raises(Problem) as refused:
            await map_word(house, word, "acknowledged")
        assert (refused.value.status, refused.value.code) == (409, "word-already-mapped")


async def test_where_both_know_a_word_the_file_holds(house: House):
    event = await delivered(house)
    await house.database.run_alone(
        "INSERT INTO partner_adapters.mapped_words VALUES "
        "('caf', 'status', 'TRAITE', 'acknowledged', 'nadia', $1)",
        house.clock.now(),
    )
    await house.say(event.referral_id, "TRAITE")
    await house.say(event.referral_id, "REJETE", reason="mystère")
    assert (await status(house, event))[0] == "resolved"


async def test_statuses_said_out_of_order_are_repaired_in_the_order_they_were_said(house: House):
    event = await delivered(house)
    for word, minutes in (("CLOS", 3), ("PRIS", -2), ("EN_COURS", 1)):
        house.clock.move(timedelta(minutes=minutes))
        await house.say(event.referral_id, word)
    house.clock.move(timedelta(minutes=5))
    await map_word(house, "PRIS", "acknowledged")
    assert await status(house, event) == ("in_progress", True)
    assert await meanings(house, event) == [
        ("PRIS", "kept"),
        ("EN_COURS", "moved"),
        (None, "unknown_word"),
    ]
    await map_word(house, "CLOS", "resolved")
    assert await status(house, event) == ("resolved", False)


async def test_a_repair_never_moves_a_referral_backwards(house: House):
    event = await delivered(house)
    await house.say(event.referral_id, "EN_GREVE")
    house.clock.move(timedelta(minutes=1))
    await house.say(event.referral_id, "PIECE_DEMANDEE", message="Quel âge ?")
    house.clock.move(timedelta(minutes=1))
    assert await map_word(house, "EN_GREVE", "in_progress") == 1
    assert await status(house, event) == ("needs_information", False)
    assert await house.said(event) == [DELIVERED, MESSAGE, CHANGED]


async def test_a_refusal_waits_until_its_reason_is_mapped_too(house: House):
    event = await delivered(house)
    await house.say(event.referral_id, "NON", reason="pas chez nous")
    assert await map_word(house, "NON", "refused") == 0
    assert await unknown(house) == [("reason", "pas chez nous", "NON", 1)]
    assert await map_word(house, "pas chez nous", "not_competent", kind="reason") == 1
    assert (await status(house, event))[0] == "refused"
    told = await house.row(
        "SELECT convert_from(value, 'UTF8')::jsonb AS data FROM partner_adapters.outbox "
        "ORDER BY id DESC"
    )
    assert told["data"]["refusal_reason"] == "not_competent"


async def test_words_that_the_version_before_stored_in_clear_are_repaired_too(house: House):
    event = await delivered(house)
    await house.say(event.referral_id, "EN_GREVE")
    await house.database.run_alone(
        "UPDATE partner_adapters.seen_statuses "
        "SET word = 'EN_GREVE', word_key = NULL, words_sealed = NULL"
    )
    assert await unknown(house) == [("status", "EN_GREVE", None, 1)]
    assert await map_word(house, "EN_GREVE", "in_progress") == 1
    assert (await status(house, event))[0] == "in_progress"


async def test_a_word_said_while_it_is_being_mapped_is_never_left_unknown(house: House):
    events = [await delivered(house) for _ in range(20)]
    said = [house.say(event.referral_id, "EN_GREVE") for event in events]
    await asyncio.gather(*said[:10], map_word(house, "EN_GREVE", "in_progress"), *said[10:])
    assert {(await status(house, event)) for event in events} == {("in_progress", False)}
    assert await unknown(house) == []


async def test_more_than_a_batch_is_repaired(house: House):
    events = [await house.issue() for _ in range(250)]
    for event in events:
        await house.say(event.referral_id, "EN_GREVE")
    assert await map_word(house, "EN_GREVE", "acknowledged") == 250
    count = await house.database.fetchval(
        "SELECT count(*) FROM partner_adapters.referrals WHERE status = 'acknowledged'"
    )
    assert count == 250
