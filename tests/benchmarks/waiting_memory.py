"""10,000 deliveries waiting for an agency that does not answer: what the service's memory does.

The service is warmed up first: it delivers as many referrals as will wait. Then the agency dies,
10,000 referrals come over Kafka, and the most that is resident while they wait is compared with
what was resident before. The most while they are worked off afterwards is told beside it.
"""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

from aiokafka import AIOKafkaProducer

from services.commands.addresses import free_ports
from services.commands.child_plans import PARTNER_ADAPTERS, door_urls
from services.commands.child_process import ChildProcess
from services.commands.resident_memory import resident_memory
from shared.plumbing.database import Database
from shared.plumbing.sealing import KeyRing, Sealer
from tests.benchmarks.bench_partners import issue, open_partners
from tests.benchmarks.measure import Effort, Measure
from tests.benchmarks.one_service import Site, prepare_site, running_service
from tests.benchmarks.servers import BenchServers, durable_servers
from tests.benchmarks.troubled_agency import Road, TroubledAgency
from tests.infrastructure import temporary_folder

_PARTNER = "bench"
_WATCHED = 20.0
"""Seconds that they wait at least."""


async def measure(effort: Effort) -> list[Measure]:
    waiting = effort.pick(full=10_000, quick=2000)
    with temporary_folder() as logs:
        async with durable_servers() as servers:
            site = await prepare_site(servers, logs=logs)
            agency = TroubledAgency(port=free_ports().simulators)
            try:
                before, while_waiting, afterwards = await _watch(
                    site, servers, agency, waiting=waiting, logs=logs, effort=effort
                )
            finally:
                await agency.stop()
    return [
        Measure(
            id="waiting_memory_ratio",
            value=while_waiting / before,
            unit="waiting/before",
            better="lower",
            gate=1.1,
            facts={
                "waiting": waiting,
                "before_mb": round(before / 1e6, 1),
                "waiting_mb": round(while_waiting / 1e6, 1),
                "worked_off_mb": round(afterwards / 1e6, 1),
            },
        )
    ]


async def _watch(
    site: Site,
    servers: BenchServers,
    agency: TroubledAgency,
    *,
    waiting: int,
    logs: Path,
    effort: Effort,
) -> tuple[int, int, int]:
    """Bytes resident before, at most while they wait, and at most while they are worked off."""
    environment = await open_partners(
        {_PARTNER: agency.url}, kafka=servers.kafka, folder=logs / "partners"
    )
    await agency.become("well")
    database = await Database.connect(servers.database_url, application="bench")
    try:
        async with (
            running_service(
                site.plan(PARTNER_ADAPTERS),
                url=door_urls(site.ports)[PARTNER_ADAPTERS],
                **environment,
            ) as service,
            AIOKafkaProducer(bootstrap_servers=servers.kafka) as producer,
        ):
            sealer = Sealer(KeyRing.parse(site.secrets.key_ring))
            road = Road(producer=producer, database=database, sealer=sealer)
            await _issue(road, "warm", waiting)
            await road.delivered([_PARTNER], waiting)
            before = _resident(service)
            effort.say(f"warm: {before / 1e6:.0f} MB")
            await agency.become("dead")
            await _issue(road, "waiting", waiting)
            while_waiting = await _most(service, asyncio.sleep(_WATCHED))
            effort.say(f"{waiting:,} waiting: at most {while_waiting / 1e6:.0f} MB")
            await agency.become("well")
            afterwards = await _most(service, road.delivered([_PARTNER], 2 * waiting))
            effort.say(f"worked off: at most {afterwards / 1e6:.0f} MB")
            return before, while_waiting, afterwards
    finally:
        await database.close()


async def _issue(road: Road, mark: str, referrals: int) -> None:
    for event in issue(_PARTNER, mark, range(referrals), sealer=road.sealer):
        await road.send(event)


async def _most(service: ChildProcess, work: Awaitable[None]) -> int:
    """The most that is resident until the work is done."""
    task = asyncio.ensure_future(work)
    most = 0
    while not task.done():
        most = max(most, _resident(service))
        await asyncio.sleep(0.2)
    await task
    return most


def _resident(service: ChildProcess) -> int:
    size = resident_memory(service.pid)
    if size is None:
        raise RuntimeError("the service is gone")
    return size
