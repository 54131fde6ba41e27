"""72 hours without an agency, by a clock that is moved: what is lost, and how soon all is there.

One partner's loop runs on a PostgreSQL that flushes its commits; the clock goes on by ten minutes
at a time. After 72 hours the agency answers again, and the clock goes on a second at a time until
everything is delivered. One slot is what the loop waits at most between two looks at an agency in
trouble: the longest pause of its breaker.
"""

import asyncio
from datetime import timedelta

from services.partner_adapters.describe_partners import describe_partners
from services.partner_adapters.partner_adapter import PartnerUnavailable
from shared.plumbing.database import Database
from shared.plumbing.migrations import migrate
from shared.plumbing.observability import configure_logging
from tests.benchmarks.measure import Effort, Measure
from tests.benchmarks.servers import durable_servers
from tests.integration.partner_adapters.house import House
from tests.integration.partner_adapters.running_loops import FakeAdapter, counted, serving, until

_PARTNER = "caf"
_OUTAGE = timedelta(hours=72)
_STEP = timedelta(minutes=10)
_GRAIN = timedelta(seconds=1)
"""How finely recovery is seen."""
_SETTLING = 0.05
"""Seconds of the real clock, for the loop to do what a step allows."""


class _Dead(FakeAdapter):
    """Refuses connections until it is well."""

    well = False

    async def deliver(self, deliveries):
        receipts = await super().deliver(deliveries)
        if not self.well:
            raise PartnerUnavailable("connection_refused")
        return receipts


async def measure(effort: Effort) -> list[Measure]:
    configure_logging(service="bench", level="critical", log_format="console")
    referrals = effort.pick(full=1000, quick=200)
    async with durable_servers() as servers:
        await migrate(servers.database_url, schemas=["partner_adapters"])
        database = await Database.connect(servers.database_url, application="bench")
        try:
            house = House(database=database)
            async with database.transaction() as tx:
                await describe_partners(tx, house.partners, outbox=house.outbox, clock=house.clock)
            return await _outage(house, referrals=referrals, effort=effort)
        finally:
            await database.close()


async def _outage(house: House, *, referrals: int, effort: Effort) -> list[Measure]:
    agency = _Dead()
    await house.issue_many(referrals, _PARTNER)
    async with serving(house, **{_PARTNER: agency}):
        for _ in range(_OUTAGE // _STEP):
            house.clock.move(_STEP)
            await asyncio.sleep(_SETTLING)
        probes = len(agency.delivered)
        effort.say(f"{_OUTAGE} later: {probes} calls for {referrals} referrals")
        agency.well = True
        back_at = house.clock.now()
        while len(agency.delivered) == probes:
            house.clock.move(_GRAIN)
            await asyncio.sleep(_SETTLING)
        await until(counted(house, "delivered", referrals, _PARTNER), within=60)
    slot = house.partners[_PARTNER].breaker.longest_pause_seconds
    waited = (house.clock.now() - back_at - _GRAIN).total_seconds()
    arrived = {each.referral_id for each in agency.delivered[probes:]}
    facts = {"referrals": referrals, "calls_in_the_outage": probes, "slot_seconds": slot}
    return [
        Measure("outage_72h_lost", referrals - len(arrived), "referrals", "lower", 0, facts=facts),
        Measure(
            "outage_72h_recovery", waited / slot, "slots", "lower", 1.0,
            facts={**facts, "seconds": waited},
        ),
        Measure(
            "outage_72h_amplification", (probes + referrals) / referrals, "calls/referral", "lower",
            1.1,
            facts=facts,
        ),
    ]  # fmt: skip
