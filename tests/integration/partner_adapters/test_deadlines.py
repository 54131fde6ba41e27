"""What time alone does: referrals expire, and a silent agency is shown to people."""

from datetime import timedelta

import pytest

from services.partner_adapters.expire_referrals import expire_referrals
from services.partner_adapters.partner_file import Deadline, Expiry
from services.partner_adapters.partner_store import find_condition
from services.partner_adapters.tell_overdue_referrals import tell_overdue_referrals
from tests.integration.partner_adapters.house import House

CHANGED, DELIVERED = "referral.status_changed.v1", "referral.delivered.v1"
OVERDUE = "referral.overdue.v1"


async def done(house: House, use_case) -> int:
    partner = house.partners["caf"].model_copy(
        update={"deadline": Deadline(acknowledge_business_days=2), "expiry": Expiry(days=90)}
    )
    async with house.database.transaction() as tx:
        return await use_case(tx, partner=partner, outbox=house.outbox, clock=house.clock)


async def overdue(house: House) -> int:
    """How many of the partner's are shown as such."""
    condition = await find_condition(house.database, "caf")
    assert condition is not None
    return int(condition["overdue"])


async def test_a_referral_that_is_not_finished_in_time_expires_once_and_is_sent_no_more(
    house: House,
):
    waiting, delivered, finished = [await house.issue() for _ in range(3)]
    for claimed in await house.claim():
        kind = "unavailable" if claimed.referral_id == waiting.referral_id else "accepted"
        await house.record(claimed, kind, reason=None)
    await house.say(finished.referral_id, "TRAITE")
    house.clock.move(timedelta(days=89, hours=23))
    assert await done(house, expire_referrals) == 0
    house.clock.move(timedelta(hours=2))
    assert await done(house, expire_referrals) == 2
    assert await done(house, expire_referrals) == 0
    assert (await house.referral(waiting))["status"] == "expired"
    assert (await house.delivery(waiting))["state"] == "cancelled"
    assert await house.said(delivered) == [DELIVERED, CHANGED]
    assert (await house.referral(finished))["status"] == "resolved"
    assert await house.claim() == []


async def test_what_is_being_sent_expires_only_after_the_call_has_ended(house: House):
    event = await house.issue()
    [claimed] = await house.claim()
    house.clock.move(timedelta(days=91))
    assert await done(house, expire_referrals) == 0
    await house.record(claimed, "unavailable", reason="http_503")
    assert await done(house, expire_referrals) == 1
    assert (await house.delivery(event))["state"] == "cancelled"


@pytest.mark.parametrize("word", [None, "ACCUSE", "TRAITE"])
async def test_an_agency_that_says_nothing_for_two_business_days_is_told_of_once(
    house: House, word
):
    event = await house.issue()  # a Monday
    [claimed] = await house.claim()
    await house.record(claimed)
    if word:
        await house.say(event.referral_id, word)
    house.clock.move(timedelta(days=2, hours=10))  # Wednesday, 23:00 in Paris
    assert await done(house, tell_overdue_referrals) == 0
    house.clock.move(timedelta(hours=1))
    told = await done(house, tell_overdue_referrals)
    assert told == (1 if word is None else 0)
    assert await done(house, tell_overdue_referrals) == 0
    assert (OVERDUE in await house.said(event)) is (word is None)
    assert await overdue(house) == told
    await house.say(event.referral_id, "TRAITE")
    assert await overdue(house) == 0


async def test_what_was_not_delivered_yet_is_our_delay_and_not_the_agencys(house: House):
    await house.issue()
    house.clock.move(timedelta(days=30))
    assert await done(house, tell_overdue_referrals) == 0
