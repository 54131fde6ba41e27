"""10,000 parked deliveries let go by one call of the operations' door, and by a second one.

The clock runs over the first call. The agency is paused meanwhile, so that the figure is the
replay's own; then it is resumed, and must get every referral exactly once.
"""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from services.commands.child_plans import PARTNER_ADAPTERS, door_urls
from services.commands.door_client import DoorClient
from services.partner_adapters.delivery_store import (
    NewDelivery,
    insert_deliveries,
    insert_referrals,
)
from shared.contracts.events import derive_id
from shared.plumbing.access import Principal, SessionSigner
from shared.plumbing.database import Database
from shared.plumbing.sealing import KeyRing, Sealer
from tests.benchmarks.bench_partners import issue, open_partners
from tests.benchmarks.measure import Effort, Measure, MessagesLost
from tests.benchmarks.one_service import Site, bench_program, prepare_site, running_service
from tests.benchmarks.servers import durable_servers
from tests.benchmarks.stub_count import count_of
from tests.infrastructure import temporary_folder

GATE = 60.0
PARKED = 10_000
_PARTNER = "bench"
_BATCH = 1000
_WITHIN = 300.0


async def measure(effort: Effort) -> list[Measure]:
    parked = effort.pick(full=PARKED, quick=1000)
    with temporary_folder() as logs:
        async with durable_servers() as servers:
            site = await prepare_site(servers, logs=logs)
            seconds, announced = await _replay(site, parked=parked, logs=logs)
    effort.say(f"{parked} let go in {seconds:.2f} s, all announced after {announced:.2f} s")
    return [
        Measure(
            id="replay_10000_seconds",
            value=seconds * PARKED / parked,
            unit="s",
            better="lower",
            gate=GATE,
            facts={"parked": parked, "all_announced_after_seconds": round(announced, 2)},
        )
    ]


async def _replay(site: Site, *, parked: int, logs: Path) -> tuple[float, float]:
    stub, stub_url = bench_program(
        "stub_agency", port=site.ports.simulators, logs=logs, environment={}
    )
    environment = await open_partners(
        {_PARTNER: stub_url}, kafka=site.servers.kafka, folder=logs / "partners"
    )
    url = door_urls(site.ports)[PARTNER_ADAPTERS]
    database = await Database.connect(site.servers.database_url, application="bench")
    try:
        async with (
            running_service(stub, url=stub_url, health="/count"),
            running_service(site.plan(PARTNER_ADAPTERS), url=url, **environment),
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_WITHIN)) as http,
        ):
            door = DoorClient(http, url=f"{url}/api/v1/partners/{_PARTNER}", token=_session(site))
            await door.post("/pause")
            await _park(site, database, parked)
            seconds, announced = await _replay_twice(door, database, parked)
            await door.post("/resume")
            await _refuse_loss(stub_url, parked)
            return seconds, announced
    finally:
        await database.close()


async def _replay_twice(door: DoorClient, database: Database, parked: int) -> tuple[float, float]:
    found = await door.post("/replay", {})
    started = time.monotonic()
    done = await door.post("/replay", {"dry_run": False})
    seconds = time.monotonic() - started
    while await database.fetchval("SELECT count(*) FROM partner_adapters.outbox"):
        await asyncio.sleep(0.05)
    announced = time.monotonic() - started
    again: dict[str, Any] = await door.post("/replay", {"dry_run": False})
    counts = (found["found"], done["replayed"], again["replayed"])
    if counts != (parked, parked, 0):
        raise MessagesLost(f"{parked} parked; found, let go, let go again: {counts}")
    return seconds, announced


async def _park(site: Site, database: Database, parked: int) -> None:
    sealer = Sealer(KeyRing.parse(site.secrets.key_ring))
    now = datetime.now(UTC)
    for first in range(0, parked, _BATCH):
        numbers = range(first, min(first + _BATCH, parked))
        issued = issue(_PARTNER, "parked", numbers, sealer=sealer)
        async with database.transaction() as tx:
            await insert_referrals(tx, [(event, {}) for event in issued])
            deliveries = [
                NewDelivery(
                    delivery_id=derive_id("delivery", event.referral_id),
                    referral_id=event.referral_id,
                    partner_id=_PARTNER,
                    what="referral",
                    position=1,
                    happened_at=event.issued_at,
                )
                for event in issued
            ]
            await insert_deliveries(tx, deliveries, now=now)
    await database.run_alone(
        "UPDATE partner_adapters.deliveries SET state = 'parked', reason = 'http_422', "
        "owner = 'operations', epoch = 10, failures = 10, stuck_since = $1",
        now,
    )


async def _refuse_loss(stub_url: str, parked: int) -> None:
    started = time.monotonic()
    while (count := await count_of(stub_url)).held < parked:
        if time.monotonic() - started > _WITHIN:
            raise MessagesLost(f"the agency got {count.held} of {parked}")
        await asyncio.sleep(0.2)
    if count.doubled:
        raise MessagesLost(f"the agency got {count.doubled} twice")


def _session(site: Site) -> str:
    operator = Principal("bench", ("operations",))
    signer = SessionSigner(site.secrets.session_private_key)
    return signer.issue(operator, now=datetime.now(UTC)).token
