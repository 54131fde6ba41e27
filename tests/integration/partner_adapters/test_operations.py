"""What operations do to deliveries, on a real PostgreSQL: once, under their name, in any order."""

import asyncio
from datetime import timedelta

import pytest

from services.partner_adapters import replay_parked_deliveries
from services.partner_adapters.decide_uncertain_delivery import (
    UncertainDecision,
    decide_uncertain_delivery,
)
from services.partner_adapters.operations_store import Filter, list_deliveries
from services.partner_adapters.page_place import Place
from services.partner_adapters.pause_partner import pause_partner
from services.partner_adapters.retry_delivery import retry_delivery
from services.partner_adapters.retry_partner import retry_partner
from services.partner_adapters.show_referral import show_referral
from shared.contracts.personal import WrittenContent
from shared.plumbing.problem_details import Problem
from tests.integration.partner_adapters.house import House

DELIVERED = "referral.delivered.v1"
PARKED = "referral.delivery_parked.v1"
RESUMED = "referral.delivery_resumed.v1"
UNCERTAIN = "referral.delivery_uncertain.v1"


async def parked(house: House, *, partner_id="caf", reason="http_422"):
    event = await house.issue(partner_id)
    [claimed] = await house.claim(partner_id)
    await house.record(claimed, "refused", reason=reason)
    return event


async def uncertain(house: House):
    """Of a partner that can neither recognise a repetition nor be asked."""
    house.partners["sncf"] = house.partners["sncf"].model_copy(
        update={"after_unknown": "uncertain"}
    )
    event = await house.issue("sncf")
    [claimed] = await house.claim("sncf")
    await house.record(claimed, "unknown", reason="cut")
    return event


async def retry(house: House, event, account="nadia"):
    delivery = await house.delivery(event)
    async with house.database.transaction() as tx:
        return await retry_delivery(
            tx,
            delivery["delivery_id"],
            rules={each: file.delivery_rules() for each, file in house.partners.items()},
            account=account,
            outbox=house.outbox,
            clock=house.clock,
        )


async def replay(house: House, of: Filter, account="nadia"):
    return await replay_parked_deliveries.replay_parked_deliveries(
        house.database,
        of,
        rules=house.partners[of.partner_id].delivery_rules(),
        account=account,
        outbox=house.outbox,
        clock=house.clock,
    )


async def decide(house: House, event, was_received, reference=None):
    delivery = await house.delivery(event)
    async with house.database.transaction() as tx:
        return await decide_uncertain_delivery(
            tx,
            delivery["delivery_id"],
            UncertainDecision(was_received, reference),
            account="nadia",
            outbox=house.outbox,
            clock=house.clock,
        )


async def look(house: House, event, *, opened=False):
    async with house.database.transaction() as tx:
        return await show_referral(
            tx,
            event.referral_id,
            opened=opened,
            account="nadia",
            sealer=house.sealer,
            clock=house.clock,
        )


async def actions(house: House, *, whole=True):
    rows = await house.database.fetch(
        "SELECT action, account, referral_id, details FROM partner_adapters.partner_actions "
        "WHERE (part_of IS NULL) = $1 ORDER BY id",
        whole,
    )
    return [dict(row) for row in rows]


async def test_a_parked_delivery_is_retried_at_once_and_its_name_is_kept(house: House):
    event = await parked(house)
    await retry(house, event)
    [claimed] = await house.claim()
    assert claimed.referral_id == event.referral_id
    await house.record(claimed)
    assert await house.said(event) == [PARKED, RESUMED, DELIVERED]
    [action] = await actions(house)
    assert (action["action"], action["account"], action["referral_id"]) == (
        "retried",
        "nadia",
        event.referral_id,
    )
    assert action["details"]["was"] == "parked"


async def test_a_delivery_that_waits_is_brought_forward(house: House):
    event = await house.issue()
    [claimed] = await house.claim()
    await house.record(claimed, "unavailable", reason="http_503")
    assert await house.claim() == []
    await retry(house, event)
    [again] = await house.claim()
    assert again.epoch == 2
    assert await house.said(event) == []


async def test_what_is_finished_or_being_sent_is_not_retried(house: House):
    event = await house.issue()
    [claimed] = await house.claim()
    with pytest.raises(Problem) as refused:
        await retry(house, event)
    assert (refused.value.status, refused.value.code) == (409, "delivery-not-to-be-retried")
    await house.record(claimed)
    with pytest.raises(Problem):
        await retry(house, event)
    assert await actions(house) == []


async def test_everything_that_waits_for_a_partner_is_tried_now_and_no_other_partners(house: House):
    for partner_id in ("caf", "caf", "edf"):
        await house.issue(partner_id)
    for partner_id in ("caf", "edf"):
        for claimed in await house.claim(partner_id):
            await house.record(claimed, "unavailable", reason="http_503")
    async with house.database.transaction() as tx:
        count = await retry_partner(
            tx,
            "caf",
            rules=house.partners["caf"].delivery_rules(),
            account="nadia",
            clock=house.clock,
        )
    assert (count, len(await house.claim("caf")), len(await house.claim("edf"))) == (2, 2, 0)
    [action] = await actions(house)
    assert (action["action"], action["details"]) == ("retried", {"count": 2})


async def test_a_dry_run_counts_by_reason_and_changes_nothing(house: House):
    for reason in ("http_422", "http_422", "gave_up_http_503"):
        await parked(house, reason=reason)
    house.clock.move(timedelta(seconds=1))
    found = await replay_parked_deliveries.preview_replay(
        house.database, Filter("caf", "parked"), clock=house.clock
    )
    assert found.reasons == {"http_422": 2, "gave_up_http_503": 1}
    assert list(found.reasons) == ["http_422", "gave_up_http_503"]
    assert (found.replayed, await house.claim(), await actions(house)) == (0, [], [])


async def test_a_replay_lets_go_what_its_filter_names_and_nothing_else(house: House):
    refused = await parked(house, reason="http_422")
    gave_up = await parked(house, reason="gave_up_http_503")
    other = await parked(house, partner_id="edf")
    house.clock.move(timedelta(minutes=5))
    since = house.clock.now()
    late = await parked(house, reason="http_422")
    house.clock.move(timedelta(minutes=5))
    done = await replay(house, Filter("caf", "parked", reason="http_422", before=since))
    assert (done.reasons, done.replayed) == ({"http_422": 1}, 1)
    states = [(await house.delivery(each))["state"] for each in (refused, gave_up, other, late)]
    assert states == ["due", "parked", "parked", "parked"]
    assert await house.said(refused) == [PARKED, RESUMED]
    [action], [part] = await actions(house), await actions(house, whole=False)
    assert (action["account"], action["details"]["reasons"]) == ("nadia", {"http_422": 1})
    assert (part["account"], part["referral_id"]) == ("nadia", refused.referral_id)


async def test_a_replay_done_twice_does_nothing_the_second_time(house: House):
    events = [await parked(house) for _ in range(3)]
    house.clock.move(timedelta(seconds=1))
    assert (await replay(house, Filter("caf", "parked"))).replayed == 3
    assert (await replay(house, Filter("caf", "parked"))).replayed == 0
    for event in events:
        assert await house.said(event) == [PARKED, RESUMED]


async def test_concurrent_replays_let_everything_go_exactly_once(house: House):
    events = [await parked(house) for _ in range(30)]
    house.clock.move(timedelta(seconds=1))
    of = Filter("caf", "parked")
    done = await asyncio.gather(*(replay(house, of, f"p{n}") for n in range(4)))
    assert sum(each.replayed for each in done) == 30
    for event in events:
        assert await house.said(event) == [PARKED, RESUMED]


async def test_one_call_lets_go_so_many_and_says_what_is_left(house: House, monkeypatch):
    monkeypatch.setattr(replay_parked_deliveries, "MOST_AT_ONCE", 4)
    monkeypatch.setattr(replay_parked_deliveries, "_BATCH", 2)
    for _ in range(5):
        await parked(house)
    house.clock.move(timedelta(seconds=1))
    first, second = [await replay(house, Filter("caf", "parked")) for _ in range(2)]
    assert (first.replayed, first.left) == (4, 1)
    assert (second.replayed, second.left) == (1, 0)


async def test_what_is_parked_again_meanwhile_waits_for_the_next_replay(house: House):
    event = await parked(house)
    house.clock.move(timedelta(seconds=1))
    of = Filter("caf", "parked", before=house.clock.now())
    await replay(house, of)
    [claimed] = await house.claim()
    house.clock.move(timedelta(seconds=1))
    await house.record(claimed, "refused", reason="http_422")
    assert (await replay(house, of)).replayed == 0
    house.clock.move(timedelta(seconds=1))
    assert (await replay(house, Filter("caf", "parked"))).replayed == 1
    assert await house.said(event) == [PARKED, RESUMED, PARKED, RESUMED]


async def test_a_replayed_delivery_has_its_whole_schedule_before_it(house: House):
    await parked(house)
    house.clock.move(timedelta(days=30))
    await replay(house, Filter("caf", "parked"))
    [claimed] = await house.claim()
    await house.record(claimed, "unavailable", reason="http_503")
    house.clock.move(timedelta(seconds=6))
    assert len(await house.claim()) == 1


async def test_a_parked_answer_goes_on_too_and_holds_nothing_back(house: House):
    event = await house.issue()
    [first] = await house.claim()
    await house.record(first)
    await house.answer(event)
    [answer] = await house.claim()
    await house.record(answer, "refused", reason="http_422")
    await house.answer(event, "et encore")
    assert await house.claim() == []
    house.clock.move(timedelta(seconds=1))
    await replay(house, Filter("caf", "parked"))
    [answer] = await house.claim()
    await house.record(answer)
    assert len(await house.claim()) == 1


async def test_an_uncertain_delivery_that_was_received_is_delivered_once(house: House):
    event = await uncertain(house)
    await decide(house, event, True, "SNCF-4")
    with pytest.raises(Problem) as refused:
        await decide(house, event, True, "SNCF-4")
    assert (refused.value.status, refused.value.code) == (409, "delivery-not-uncertain")
    referral = await house.referral(event)
    assert (referral["status"], referral["partner_reference"]) == ("delivered", "SNCF-4")
    assert await house.said(event) == [UNCERTAIN, DELIVERED]
    [action] = await actions(house)
    assert (action["action"], action["details"]["was_received"]) == ("decided", True)


async def test_an_uncertain_delivery_that_was_not_received_is_sent_again(house: House):
    event = await uncertain(house)
    assert await house.claim("sncf") == []
    with pytest.raises(Problem):
        await retry(house, event)
    await decide(house, event, False)
    [claimed] = await house.claim("sncf")
    await house.record(claimed)
    assert await house.said(event) == [UNCERTAIN, RESUMED, DELIVERED]


async def test_two_people_deciding_at_once_decide_once(house: House):
    event = await uncertain(house)
    answers = await asyncio.gather(
        decide(house, event, True), decide(house, event, False), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in answers) == ["Problem", "UUID"]
    assert len(await actions(house)) == 1


async def test_unfinished_deliveries_are_paged_in_their_order(house: House):
    events = []
    for _ in range(5):
        events.append(await parked(house))
        house.clock.move(timedelta(seconds=1))
    of, seen, after = Filter("caf", "parked"), [], None
    while page := await list_deliveries(house.database, of, after=after, limit=2):
        seen += [row["referral_id"] for row in page]
        after = Place(page[-1]["since"], page[-1]["delivery_id"])
    assert seen == [event.referral_id for event in events]


async def test_a_whole_life_tells_all_and_opens_words_only_when_asked(house: House):
    event = await parked(house)
    await retry(house, event)
    [claimed] = await house.claim()
    await house.record(claimed)
    await house.say(event.referral_id, "PIECE_DEMANDEE", message="Quel âge ?")
    life = await look(house, event)
    assert [row["outcome"] for row in life.attempts] == ["refused", "accepted"]
    assert [row["meaning"] for row in life.statuses] == ["moved"]
    assert [row["action"] for row in life.actions] == ["retried"]
    assert (life.answers, life.words) == ({}, {})


async def test_who_looked_at_an_agencys_words_is_kept(house: House):
    event = await parked(house)
    await house.say(event.referral_id, "PIECE_DEMANDEE", message="Quel âge ?")
    life = await look(house, event, opened=True)
    assert list(life.answers.values()) == ["answered so"]
    assert [each.text for each in life.words.values()] == ["Quel âge ?"]
    assert [row["action"] for row in life.actions] == ["looked_at_words"]
    found = await house.database.fetchval(
        "SELECT count(*) FROM partner_adapters.partner_actions a WHERE a::text LIKE '%âge%'"
    )
    assert found == 0


async def test_what_no_key_opens_any_more_is_left_out(house: House):
    event = await parked(house)
    sealed = house.sealer.seal(WrittenContent(text="d’un autre"), bound_to=event.referral_id)
    await house.database.run_alone("UPDATE partner_adapters.attempts SET answer = $1", sealed)
    life = await look(house, event, opened=True)
    assert (len(life.attempts), life.answers) == (1, {})


async def test_pausing_twice_is_kept_once(house: House):
    for _ in range(2):
        async with house.database.transaction() as tx:
            await pause_partner(tx, "caf", paused=True, account="nadia", clock=house.clock)
    assert [action["action"] for action in await actions(house)] == ["paused"]
