"""Partners' loops running in this process, with adapters that answer as told."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial

from services.partner_adapters.partner_adapter import Receipt
from services.partner_adapters.partner_locks import PartnerLocks
from services.partner_adapters.partner_loop import PartnerLoop
from services.partner_adapters.record_deliveries import record_deliveries
from shared.plumbing.group_commit import GroupCommit
from tests.integration.partner_adapters.house import House


class FakeAdapter:
    """Answers as told, and counts."""

    def __init__(self, *failures, gate=None):
        self.failures = list(failures)
        self.gate = gate
        self.delivered = []
        self.most_at_once = self._now = 0

    async def deliver(self, deliveries):
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            if self.gate is not None:
                await self.gate.wait()
            self.delivered += deliveries
            if self.failures:
                raise self.failures.pop(0)
            return [Receipt(partner_reference="R") for _ in deliveries]
        finally:
            self._now -= 1

    async def close(self):
        pass


@asynccontextmanager
async def running(*jobs):
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def serving(house: House, *, owner="me", limits=None, **adapters):
    """Locks, recorder and one loop per adapter, as main.py wires them."""
    rules = {each: file.delivery_rules() for each, file in house.partners.items()}
    recorder = GroupCommit(
        database=house.database,
        handle=partial(
            record_deliveries,
            rules=rules,
            sealer=house.sealer,
            outbox=house.outbox,
            clock=house.clock,
        ),
    )
    locks = PartnerLocks(database=house.database, partner_ids=list(adapters), every=0.02)
    loops = [
        PartnerLoop(
            partner=house.partners[each].model_copy(update=limits or {}),
            adapter=adapter,
            owner=owner,
            locks=locks,
            database=house.database,
            recorder=recorder,
            sealer=house.sealer,
            clock=house.clock,
            poll=0.02,
        )
        for each, adapter in adapters.items()
    ]
    await recorder.start()
    try:
        async with running(locks.run()), running(*(loop.run() for loop in loops)):
            yield
    finally:
        await recorder.stop()


async def until(condition, *, within=30.0):
    async with asyncio.timeout(within):
        while not await condition():
            await asyncio.sleep(0.02)


def count_in(house, state, partner_id="caf"):
    async def count():
        return await house.database.fetchval(
            "SELECT count(*) FROM partner_adapters.deliveries WHERE state = $1 AND partner_id = $2",
            state,
            partner_id,
        )

    return count


def counted(house, state, number, partner_id="caf"):
    count = count_in(house, state, partner_id)

    async def reached():
        return await count() == number

    return reached


def breaker_is(house, state, partner_id="caf"):
    async def reached():
        row = await house.row(
            "SELECT breaker FROM partner_adapters.partners WHERE partner_id = $1", partner_id
        )
        return row["breaker"] == state

    return reached


def recorded(house, number):
    async def reached():
        attempts = await house.database.fetchval("SELECT count(*) FROM partner_adapters.attempts")
        return attempts == number

    return reached
