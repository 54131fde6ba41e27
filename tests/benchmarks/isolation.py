"""One of eight agencies in trouble: what the seven others notice.

One service serves eight `rest` agencies; referrals come over Kafka, evenly. In each round all
eight are well, then the first one is dead (nothing listens), then it takes 30 s to answer; the
order changes. Measured are the seven others, in the same run: the 99th percentile from a
referral's issue to its recorded delivery at a steady pace (open loop), and how fast a backlog is
worked off. Each is divided by what it was when all were well; the median of the rounds counts.
The run fails if a referral is lost, the first agency's included.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaProducer

from services.commands.addresses import free_ports
from services.commands.child_plans import PARTNER_ADAPTERS, door_urls
from shared.contracts.events import ReferralIssuedV1
from shared.plumbing.database import Database
from shared.plumbing.sealing import KeyRing, Sealer
from tests.benchmarks.bench_partners import issue, open_partners
from tests.benchmarks.measure import Effort, Measure
from tests.benchmarks.one_service import Site, bench_program, prepare_site, running_service
from tests.benchmarks.percentiles import percentiles
from tests.benchmarks.servers import durable_servers
from tests.benchmarks.troubled_agency import SLOW, Road, TroubledAgency
from tests.infrastructure import temporary_folder

_PARTNERS = [f"bench{number}" for number in range(8)]
_TROUBLED, *_OTHERS = _PARTNERS
_MODES = ("well", "dead", "slow")
_PER_SECOND = 10
"""Referrals for each agency, at the steady pace."""
_BACKLOG = 100
"""Referrals for each agency, at once."""
_GATES = {"throughput": 0.95, "p99": 1.2}


@dataclass(frozen=True)
class Seen:
    """What the seven others did in one phase of one round."""

    throughput: float
    p99: float


async def measure(effort: Effort) -> list[Measure]:
    found: dict[str, list[Seen]] = {mode: [] for mode in _MODES}
    rounds = effort.pick(full=7, quick=3)
    seconds = effort.pick(full=8, quick=4)
    with temporary_folder() as logs:
        async with _eight_agencies(logs) as (road, troubled):
            sent = 0
            for number in range(rounds + 1):
                turn = number % len(_MODES)
                for mode in (*_MODES[turn:], *_MODES[:turn]):
                    await troubled.become(mode)
                    seen, events = await _one_turn(road, f"{number} {mode}", seconds, before=sent)
                    sent += events
                    await troubled.become("well")
                    await road.delivered([_TROUBLED], sent)
                    if number:  # round 0 only warms up
                        found[mode].append(seen)
                        effort.say(
                            f"round {number}, {mode}: {seen.throughput:,.0f}/s, "
                            f"p99 {1000 * seen.p99:.0f} ms"
                        )
    return [
        _measured(name, mode, found, value)
        for mode in ("dead", "slow")
        for name, value in (("throughput", _throughput), ("p99", _p99))
    ]


async def _one_turn(road: Road, mark: str, seconds: int, *, before: int) -> tuple[Seen, int]:
    """Both phases; `before` referrals had been sent to each agency. Gives how many more now."""
    steady = _events(road, f"{mark} steady", _PER_SECOND * seconds)
    started = time.perf_counter()
    for number, each in enumerate(steady):
        due = started + number / (_PER_SECOND * len(_PARTNERS))
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await road.send(each)
    count = before + _PER_SECOND * seconds
    await road.delivered(_OTHERS, count * len(_OTHERS))
    p99 = percentiles(await _latencies(road, steady))["p99"]
    backlog = _events(road, f"{mark} backlog", _BACKLOG)
    began = datetime.now(UTC)
    for each in backlog:
        await road.send(each)
    await road.delivered(_OTHERS, (count + _BACKLOG) * len(_OTHERS))
    last = await road.database.fetchval(
        "SELECT max(finished_at) FROM partner_adapters.deliveries "
        "WHERE partner_id = ANY($1::text[])",
        _OTHERS,
    )
    throughput = _BACKLOG * len(_OTHERS) / (last - began).total_seconds()
    return Seen(throughput=throughput, p99=p99), _PER_SECOND * seconds + _BACKLOG


async def _latencies(road: Road, events: Sequence[ReferralIssuedV1]) -> list[float]:
    rows = await road.database.fetch(
        """
        SELECT extract(epoch FROM d.finished_at - r.issued_at)::float8 AS seconds
        FROM partner_adapters.deliveries d JOIN partner_adapters.referrals r USING (referral_id)
        WHERE d.partner_id <> $1 AND d.referral_id = ANY($2::uuid[])
        """,
        _TROUBLED,
        [each.referral_id for each in events],
    )
    return [row["seconds"] for row in rows]


def _events(road: Road, mark: str, each: int) -> list[ReferralIssuedV1]:
    """So many for each agency, the agencies in turn."""
    per_agency = [issue(id_, mark, range(each), sealer=road.sealer) for id_ in _PARTNERS]
    return [event for together in zip(*per_agency, strict=True) for event in together]


def _throughput(seen: Seen) -> float:
    return seen.throughput


def _p99(seen: Seen) -> float:
    return seen.p99


def _measured(
    name: str, mode: str, found: dict[str, list[Seen]], value: Callable[[Seen], float]
) -> Measure:
    pairs: Iterator[tuple[Seen, Seen]] = zip(found[mode], found["well"], strict=True)
    ratios = [value(troubled) / value(well) for troubled, well in pairs]
    return Measure(
        id=f"isolation_{mode}_{name}",
        value=statistics.median(ratios),
        unit="troubled/well",
        better="higher" if name == "throughput" else "lower",
        gate=_GATES[name],
        rounds=ratios,
        facts={
            **{each: [round(value(seen), 4) for seen in found[each]] for each in (mode, "well")},
            "agencies": len(_PARTNERS),
            "offered_per_second": _PER_SECOND * len(_PARTNERS),
        },
    )


@asynccontextmanager
async def _eight_agencies(logs: Path) -> AsyncIterator[tuple[Road, TroubledAgency]]:
    async with durable_servers() as servers:
        site: Site = await prepare_site(servers, logs=logs)
        stub, stub_url = bench_program(
            "stub_agency", port=site.ports.simulators, logs=logs, environment={}
        )
        troubled = TroubledAgency(port=free_ports().simulators)
        await troubled.become("well")
        environment = await open_partners(
            {each: troubled.url if each == _TROUBLED else stub_url for each in _PARTNERS},
            kafka=servers.kafka,
            folder=logs / "partners",
            timeout=2 * SLOW,
        )
        database = await Database.connect(servers.database_url, application="bench")
        try:
            async with (
                running_service(stub, url=stub_url, health="/count"),
                running_service(
                    site.plan(PARTNER_ADAPTERS),
                    url=door_urls(site.ports)[PARTNER_ADAPTERS],
                    **environment,
                ),
                AIOKafkaProducer(bootstrap_servers=servers.kafka) as producer,
            ):
                sealer = Sealer(KeyRing.parse(site.secrets.key_ring))
                yield Road(producer=producer, database=database, sealer=sealer), troubled
        finally:
            await database.close()
            await troubled.stop()
