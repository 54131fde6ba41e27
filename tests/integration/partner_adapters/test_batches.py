"""Kinds that hand over by file: many deliveries in one call, under one batch."""

import asyncio
from datetime import timedelta

from services.partner_adapters.partner_adapter import OutcomeUnknown, PartnerUnavailable, Receipt
from services.partner_adapters.partner_file import Limits
from tests.integration.partner_adapters.house import House
from tests.integration.partner_adapters.running_loops import (
    FakeAdapter,
    count_in,
    counted,
    recorded,
    serving,
    until,
)

BATCHES = {"limits": Limits(concurrency=1, batch=10, every_seconds=60)}


class Files(FakeAdapter):
    """Keeps each hand-over as a file of its batch, and answers look-ups from what arrived."""

    def __init__(self, *failures, arrives=True):
        super().__init__(*failures)
        self.arrives = arrives
        self.files = []
        self.arrived = {}
        self.asked = []

    async def deliver(self, deliveries):
        [batch_id] = {each.batch_id for each in deliveries}
        self.files.append(deliveries)
        if self.arrives:
            self.arrived.setdefault(batch_id, set()).update(each.referral_id for each in deliveries)
        return await super().deliver(deliveries)

    async def look_up(self, delivery):
        self.asked.append(delivery)
        if delivery.referral_id in self.arrived.get(delivery.earlier_batch_id, ()):
            return Receipt(partner_reference="FOUND")
        return None


async def test_what_is_due_is_handed_over_in_batches_one_at_a_time(house: House):
    for _ in range(25):
        await house.issue()
    adapter = Files()
    async with serving(house, limits=BATCHES, caf=adapter):
        await until(counted(house, "delivered", 10))
        await asyncio.sleep(0.2)
        assert await count_in(house, "due")() == 15
        house.clock.move(timedelta(seconds=60))
        await until(counted(house, "delivered", 20))
        house.clock.move(timedelta(seconds=60))
        await until(counted(house, "delivered", 25))
    assert [len(file) for file in adapter.files] == [10, 10, 5]
    rows = await house.database.fetch(
        "SELECT batch_id, count(*) FROM partner_adapters.deliveries GROUP BY batch_id"
    )
    assert {row["batch_id"]: row["count"] for row in rows} == {
        file[0].batch_id: len(file) for file in adapter.files
    }
    assert await house.database.fetchval("SELECT count(*) FROM partner_adapters.attempts") == 25


async def test_a_failure_holds_for_the_whole_batch(house: House):
    for _ in range(7):
        await house.issue()
    async with serving(house, limits=BATCHES, caf=Files(PartnerUnavailable("full"))):
        await until(recorded(house, 7))
        assert await count_in(house, "due")() == 7
        house.clock.move(timedelta(seconds=60))
        await until(counted(house, "delivered", 7))


async def test_calls_that_are_not_batches_have_each_a_batch_of_their_own(house: House):
    for _ in range(6):
        await house.issue()
    calls = await house.claim_calls(calls=3, batch=1)
    assert [len(call) for call in calls] == [1, 1, 1]
    assert len({claimed.batch_id for [claimed] in calls}) == 3
    [call] = await house.claim_calls(calls=2, batch=5)
    assert len(call) == 3


async def test_a_batch_that_arrived_in_spite_of_the_cut_is_found_by_its_own_name(house: House):
    for _ in range(5):
        await house.issue("edf")
    adapter = Files(OutcomeUnknown("line_cut"))
    async with serving(house, limits=BATCHES, edf=adapter):
        await until(recorded(house, 5))
        house.clock.move(timedelta(seconds=60))
        await until(counted(house, "delivered", 5, "edf"))
    assert len(adapter.files) == 1
    assert {each.earlier_batch_id for each in adapter.asked} == {adapter.files[0][0].batch_id}
    assert {each.batch_id for each in adapter.asked} == {None}


async def test_a_batch_that_never_arrived_is_handed_over_again_under_another_name(house: House):
    for _ in range(3):
        await house.issue("edf")
    adapter = Files(OutcomeUnknown("line_cut"), arrives=False)
    async with serving(house, limits=BATCHES, edf=adapter):
        await until(recorded(house, 3))
        house.clock.move(timedelta(seconds=60))
        await until(recorded(house, 6))
        house.clock.move(timedelta(seconds=60))
        await until(counted(house, "delivered", 3, "edf"))
    first, second = adapter.files
    assert first[0].batch_id != second[0].batch_id
    outcomes = await house.database.fetch(
        "SELECT outcome, count(*) FROM partner_adapters.attempts GROUP BY outcome ORDER BY outcome"
    )
    assert [tuple(row) for row in outcomes] == [("accepted", 3), ("not_there", 3), ("unknown", 3)]


async def test_a_look_up_that_fails_sends_nothing_and_forgets_no_batch(house: House):
    adapter = Files(OutcomeUnknown("line_cut"))
    look_up = adapter.look_up

    async def in_trouble(_):
        raise OutcomeUnknown("line_cut")

    adapter.look_up = in_trouble
    await house.issue("edf")
    async with serving(house, limits=BATCHES, edf=adapter):
        await until(recorded(house, 1))
        house.clock.move(timedelta(seconds=60))
        await until(recorded(house, 2))
        adapter.look_up = look_up
        house.clock.move(timedelta(hours=1))
        await until(counted(house, "delivered", 1, "edf"))
    assert len(adapter.files) == 1


async def test_answers_and_new_referrals_go_in_one_batch_but_never_two_of_one_referral(
    house: House,
):
    [first, second] = [await house.issue(), await house.issue()]
    for claimed in await house.claim():
        await house.record(claimed)
    await house.answer(first)
    await house.answer(first)
    await house.answer(second)
    await house.issue()
    [call] = await house.claim_calls(calls=1, batch=10)
    assert sorted(each.what for each in call) == ["answer", "answer", "referral"]
    assert len({each.referral_id for each in call}) == 3
