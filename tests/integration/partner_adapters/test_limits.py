"""What an agency's file allows: when, how often and how large."""

import asyncio
from datetime import timedelta

from services.partner_adapters.partner_file import Hours, Limits
from tests.integration.partner_adapters.house import House
from tests.integration.partner_adapters.running_loops import (
    FakeAdapter,
    breaker_is,
    count_in,
    counted,
    serving,
    until,
)

OFFICE = Hours(monday=["09:00-12:00"], tuesday=["09:00-12:00"])


async def test_what_is_due_while_the_agency_is_closed_waits_and_uses_no_attempt(house: House):
    house.clock.move(timedelta(hours=1))  # Monday, 14:00 in Paris
    event = await house.issue()
    adapter = FakeAdapter()
    async with serving(house, limits={"hours": OFFICE}, caf=adapter):
        await asyncio.sleep(0.2)
        house.clock.move(timedelta(hours=18, minutes=59))
        await asyncio.sleep(0.2)
        assert adapter.delivered == []
        assert (await house.delivery(event))["epoch"] == 0
        house.clock.move(timedelta(minutes=1))
        await until(counted(house, "delivered", 1))


async def test_no_minute_has_more_calls_than_the_agency_allows(house: House):
    for _ in range(12):
        await house.issue()
    adapter = FakeAdapter()
    async with serving(house, limits={"limits": Limits(per_minute=5)}, caf=adapter):
        for expected in (5, 10):
            await until(counted(house, "delivered", expected))
            await asyncio.sleep(0.15)
            assert len(adapter.delivered) == expected
            house.clock.move(timedelta(seconds=60))
        await until(counted(house, "delivered", 12))


async def test_what_is_too_large_is_parked_never_sent_and_says_nothing_of_the_agency(
    house: House,
):
    event = await house.issue(text="é" * 2000)
    for _ in range(3):
        await house.issue()
    adapter = FakeAdapter()
    limits = {"limits": Limits(largest_body_bytes=4000)}
    async with serving(house, limits=limits, caf=adapter):
        await until(counted(house, "delivered", 3))
        await until(counted(house, "parked", 1))
        await until(breaker_is(house, "closed"))
    assert (await house.delivery(event))["reason"] == "too_large"
    assert event.referral_id not in {each.referral_id for each in adapter.delivered}
    assert await count_in(house, "due")() == 0
