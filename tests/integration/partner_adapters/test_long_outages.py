"""Hours and days without the partner, by a clock that is moved: nothing lost, little asked."""

import asyncio
from datetime import timedelta

import pytest

from services.partner_adapters.partner_adapter import PartnerUnavailable
from services.partner_adapters.retry_partner import retry_partner
from tests.integration.partner_adapters.house import House
from tests.integration.partner_adapters.running_loops import (
    FakeAdapter,
    breaker_is,
    count_in,
    counted,
    recorded,
    serving,
    until,
)

LONGEST_SLOT = timedelta(hours=2.2)
"""The longest pause of a breaker and the jitter of a row: when a partner is asked again."""
SLOT_AFTER_AN_HOUR = timedelta(minutes=8)
"""A tenth of the outage, the minute it began with, and the jitter of a row."""


class Down(FakeAdapter):
    """Does not answer until told."""

    down = True

    async def deliver(self, deliveries):
        receipts = await super().deliver(deliveries)
        if self.down:
            raise PartnerUnavailable("connection_refused")
        return receipts


async def let_time_pass(house: House, *, step: timedelta, steps: int) -> None:
    for _ in range(steps):
        house.clock.move(step)
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("step", "steps", "slot"),
    [
        pytest.param(timedelta(seconds=30), 120, SLOT_AFTER_AN_HOUR, id="an-hour"),
        pytest.param(timedelta(minutes=15), 72 * 4, LONGEST_SLOT, id="three-days"),
    ],
)
async def test_an_outage_costs_less_than_a_tenth_more_calls(
    house: House, step: timedelta, steps: int, slot: timedelta
):
    adapter, rows = Down(), 1000
    await house.issue_many(rows)
    async with serving(house, caf=adapter):
        await until(breaker_is(house, "open"))
        await let_time_pass(house, step=step, steps=steps)
        adapter.down = False
        await let_time_pass(house, step=slot, steps=1)
        await until(counted(house, "delivered", rows))
    assert len(adapter.delivered) <= 1.1 * rows


async def test_a_person_who_asks_does_not_wait_for_the_end_of_a_pause(house: House):
    adapter, rows = Down(), 20
    await house.issue_many(rows)
    async with serving(house, caf=adapter):
        await until(breaker_is(house, "open"))
        await let_time_pass(house, step=timedelta(minutes=10), steps=24)
        await until(breaker_is(house, "open"))
        adapter.down = False
        async with house.database.transaction() as tx:
            rules = house.partners["caf"].delivery_rules()
            await retry_partner(tx, "caf", rules=rules, account="nadia", clock=house.clock)
        await until(counted(house, "delivered", rows))


async def test_72_hours_without_the_partner_lose_nothing_and_one_slot_after_all_is_there(
    house: House,
):
    adapter, rows = Down(), 300
    await house.issue_many(rows)
    async with serving(house, caf=adapter):
        await let_time_pass(house, step=timedelta(hours=1), steps=72)
        assert await count_in(house, "delivered")() == await count_in(house, "parked")() == 0
        await until(counted(house, "due", rows))
        adapter.down = False
        await let_time_pass(house, step=LONGEST_SLOT, steps=1)
        await until(counted(house, "delivered", rows))
    delivered = adapter.delivered[-rows:]
    assert len({each.referral_id for each in delivered}) == rows
    assert (
        await house.database.fetchval("SELECT max(failures) FROM partner_adapters.deliveries") < 9
    )


async def test_a_single_referral_is_tried_at_most_ten_times_in_its_75_hours(house: House):
    adapter = Down()
    event = await house.issue()
    async with serving(house, caf=adapter):
        await let_time_pass(house, step=timedelta(hours=1), steps=72)
        assert (await house.delivery(event))["state"] == "due"
        assert len(adapter.delivered) <= 9
        adapter.down = False
        house.clock.move(timedelta(hours=24) * 1.1)
        await until(counted(house, "delivered", 1))


async def test_an_open_breaker_lets_one_probe_through_and_no_second(house: House):
    adapter = Down()
    await house.issue_many(50)
    async with serving(house, caf=adapter):
        await until(breaker_is(house, "open"))
        await until(counted(house, "sending", 0))
        calls = len(adapter.delivered)
        adapter.gate = asyncio.Event()  # the probe takes its time
        house.clock.move(timedelta(seconds=6))
        await until(counted(house, "sending", 1))
        await let_time_pass(house, step=timedelta(seconds=1), steps=5)
        assert await count_in(house, "sending")() == 1
        adapter.gate.set()
        await until(recorded(house, calls + 1))


async def test_answers_wait_behind_their_referral_for_as_long_as_it_takes(house: House):
    adapter = Down()
    event = await house.issue()
    async with serving(house, caf=adapter):
        await until(recorded(house, 1))
        first, second = await house.answer(event, "un"), await house.answer(event, "deux")
        await let_time_pass(house, step=timedelta(hours=1), steps=5)
        assert {each.what for each in adapter.delivered} == {"referral"}
        adapter.down = False
        adapter.delivered.clear()
        house.clock.move(timedelta(hours=24))
        await until(counted(house, "delivered", 3))
    assert [each.delivery_id for each in adapter.delivered[1:]] == [first, second]
