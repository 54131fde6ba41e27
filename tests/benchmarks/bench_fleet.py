"""The whole of Aiguillage as real processes, asked over its doors, and when it is quiet again."""

import asyncio
import os
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg

from services.commands.addresses import free_ports
from services.commands.child_plans import SERVICES
from services.commands.demo_run import read_ledgers
from services.commands.fleet import Fleet, running_fleet
from services.commands.resident_memory import resident_memory
from services.commands.state_folder import StateFolder
from tests.benchmarks.measure import MessagesLost
from tests.benchmarks.visitors import ACCOUNT, request_of
from tests.infrastructure import temporary_folder

PACE = 1.0
"""Seconds between two steps of an agency: acknowledged, in progress, resolved."""
_LOOK_EVERY = 0.5
_QUIET_FOR = 6.0
"""Longer than an agency's pace and than the pause between two pollings of a partner."""
_AT_MOST = 120.0
_TRIES = 10


@dataclass(frozen=True)
class Quiet:
    """When nothing changed any more, and what the probe had found by then."""

    waited: float
    found: Mapping[str, Any]


@dataclass(frozen=True)
class Submitted:
    """A request that was taken, and how often it was put off with a 503 before."""

    case_id: UUID
    refusals: int


@dataclass(frozen=True)
class BenchFleet:
    fleet: Fleet
    http: aiohttp.ClientSession
    database: asyncpg.Connection
    """A connection of our own; mark our statements with `bench_probe`."""

    @property
    def token(self) -> str:
        return self.fleet.secrets.tokens[ACCOUNT]

    async def submit(self, number: int) -> Submitted:
        """Submit the request of this number, as a kiosk does: again, same key, after a 503.

        Raises on any other answer than 202.
        """
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Idempotency-Key": secrets.token_hex(16),
        }
        for refusals in range(_TRIES):
            async with self.http.post(
                f"{self.fleet.running.intake}/api/v1/requests",
                json=request_of(number),
                headers=headers,
            ) as answer:
                if answer.status == 202:
                    return Submitted(UUID((await answer.json())["case_id"]), refusals)
                if answer.status != 503:
                    raise RuntimeError(f"intake answered {answer.status}: {await answer.text()}")
            await asyncio.sleep(1.0)
        raise RuntimeError(f"intake answered 503 {_TRIES} times")

    async def warm_up(self, *, cases: int = 50) -> None:
        """Let connections, caches and prepared statements be made."""
        for number in range(cases):
            await self.submit(number)
        await self.until_quiet()

    async def until_quiet(self) -> Quiet:
        """Wait until nothing moves for a while; raises `MessagesLost` when that never comes."""
        started = since = time.perf_counter()
        first = last = await self._probe()
        while time.perf_counter() - since < _QUIET_FOR:
            if time.perf_counter() - started > _AT_MOST:
                raise MessagesLost(f"not quiet after {_AT_MOST:.0f} s: {dict(last)}")
            await asyncio.sleep(_LOOK_EVERY)
            last = await self._probe()
            if _moved(first, last):
                first, since = last, time.perf_counter()
        if first["outbox"] or first["unfinished"]:
            raise MessagesLost(f"quiet, and not finished: {dict(first)}")
        return Quiet(waited=since - started, found=first)

    async def _probe(self) -> Mapping[str, Any]:
        row = await self.database.fetchrow(
            """
            SELECT (SELECT count(*) FROM intake.timeline) AS timeline,
                   (SELECT count(*) FROM intake.outbox) + (SELECT count(*) FROM router.outbox)
                     + (SELECT count(*) FROM partner_adapters.outbox) AS outbox,
                   (SELECT count(*) FROM partner_adapters.seen_statuses) AS statuses,
                   (SELECT count(*) FROM partner_adapters.deliveries
                    WHERE state NOT IN ('delivered', 'cancelled')) AS unfinished,
                   (SELECT sum(calls) FROM pg_stat_statements
                    WHERE query NOT LIKE '%bench_probe%'
                      AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                   ) AS statements,
                   extract(epoch FROM clock_timestamp()) AS bench_probe
            """
        )
        return dict(row)

    async def refuse_loss(self, cases: Sequence[UUID]) -> int:
        """Raise `MessagesLost` unless every referral of these cases is at its agency once.

        Agencies at the portal have our own inbox for a ledger. Gives the number of referrals.
        """
        rows = await self.database.fetch(
            """
            SELECT referral_id, partner_id, case_id AS bench_probe FROM intake.case_referrals
            WHERE case_id = ANY($1::uuid[])
            """,
            cases,
        )
        held = await self._held()
        lost = sum(held[row["referral_id"]] == 0 for row in rows)
        undecided = len(set(cases) - {row["bench_probe"] for row in rows})
        doubled = sum(held[row["referral_id"]] > 1 for row in rows)
        letters = await self.database.fetchval(
            """
            SELECT (SELECT count(*) FROM intake.dead_letters)
                 + (SELECT count(*) FROM router.dead_letters)
                 + (SELECT count(*) FROM partner_adapters.dead_letters) AS bench_probe
            """
        )
        if lost or doubled or letters or undecided:
            raise MessagesLost(
                f"of {len(rows)} referrals {lost} lost, {doubled} doubled; {letters} dead letters; "
                f"{undecided} of {len(cases)} cases went nowhere"
            )
        return len(rows)

    async def _held(self) -> Counter[UUID]:
        ledgers = await read_ledgers(self.http, simulators_url=self.fleet.running.simulators)
        held = Counter(
            {
                UUID(entry["referral_id"]): entry["times"]
                for ledger in ledgers.values()
                for entry in ledger["entries"]
                if entry["what"] == "referral"
            }
        )
        rows = await self.database.fetch(
            "SELECT referral_id AS bench_probe FROM partner_adapters.portal_inbox"
        )
        for row in rows:
            held[row["bench_probe"]] = max(1, held[row["bench_probe"]])
        return held

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time each child has used so far; hardly moved by who else is on the machine."""
        found = {}
        for name, pid in self.fleet.nursery.pids().items():
            # Fields 14 and 15 of proc(5), counted after the name, which may hold spaces.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return found

    def resident_mb(self) -> dict[str, float]:
        """Megabytes (10⁶ bytes) of each service's process; raises when one is gone."""
        found = {}
        for service in SERVICES:
            size = resident_memory(self.fleet.nursery.pids()[service])
            if size is None:
                raise RuntimeError(f"{service} is gone")
            found[service] = size / 1e6
        return found


@asynccontextmanager
async def bench_fleet(say: Callable[[str], None]) -> AsyncIterator[BenchFleet]:
    """Everything on free ports and data that is thrown away, yet flushed as in production."""
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101 - PostgreSQL, another user, passes through
        async with (
            running_fleet(
                StateFolder(folder / "home"),
                ports=free_ports(),
                pace=PACE,
                outcome="resolved",
                durable=True,
                tell=say,
            ) as fleet,
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=30),
                cookie_jar=aiohttp.DummyCookieJar(),
            ) as http,
        ):
            database = await asyncpg.connect(fleet.running.database_url)
            try:
                await database.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
                yield BenchFleet(fleet=fleet, http=http, database=database)
            finally:
                await database.close()


def _moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return any(
        before[name] != after[name] for name in ("timeline", "outbox", "statuses", "unfinished")
    )
