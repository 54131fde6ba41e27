"""POST /api/v1/requests against a bare handler that validates the same form and inserts one row.

Both are processes of their own under the same server, on the same PostgreSQL, called with the
same bodies over kept-alive connections, so many at a time. Intake does more: token, idempotency,
sealing, timeline, outbox, and its relay to Kafka meanwhile.
"""

import asyncio
import secrets
import time
from pathlib import Path
from uuid import UUID

import aiohttp
import asyncpg

from services.commands.child_plans import INTAKE, door_urls
from tests.benchmarks.alternation import Duel, duel
from tests.benchmarks.measure import Effort, Measure, MessagesLost
from tests.benchmarks.one_service import Site, bench_program, prepare_site, running_service
from tests.benchmarks.servers import durable_servers
from tests.benchmarks.visitors import ACCOUNT, request_of
from tests.infrastructure import temporary_folder

_CONCURRENCY = 32


async def measure(effort: Effort) -> list[Measure]:
    """Gate and aim are this project's own: DESIGN names the duel and gives no number."""
    requests = effort.pick(full=1500, quick=500)
    with temporary_folder() as logs:
        async with durable_servers() as servers:
            site = await prepare_site(servers, logs=logs)
            found = await _duel(site, effort, requests=requests, logs=logs)
    speeds = sorted(found.ours)
    return [
        Measure(
            id="intake_post_ratio",
            value=found.ratio,
            unit="ours/bare",
            better="higher",
            gate=0.3,
            aim=0.5,
            rounds=found.ratios,
            facts=found.facts() | {"requests": requests, "concurrency": _CONCURRENCY},
        ),
        Measure(
            id="intake_posts_per_second",
            value=speeds[len(speeds) // 2],
            unit="requests/s",
            better="higher",
            rounds=found.ours,
        ),
    ]


async def _duel(site: Site, effort: Effort, *, requests: int, logs: Path) -> Duel:
    database_url = site.servers.database_url
    database = await asyncpg.connect(database_url)
    await database.execute(
        "CREATE TABLE public.bare_cases (case_id uuid PRIMARY KEY, content text)"
    )
    plan, bare_url = bench_program(
        "bare_door",
        port=site.ports.simulators,
        logs=logs,
        environment={"BENCH_DATABASE_URL": database_url},
    )
    intake_url = door_urls(site.ports)[INTAKE]
    try:
        async with (
            running_service(site.plan(INTAKE), url=intake_url),
            running_service(plan, url=bare_url),
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_CONCURRENCY)) as http,
        ):
            token = site.secrets.tokens[ACCOUNT]

            async def ours(_: int) -> float:
                return await _round(http, intake_url, token, database, "intake.cases", requests)

            async def bare(_: int) -> float:
                return await _round(http, bare_url, token, database, "public.bare_cases", requests)

            rounds = effort.pick(full=5, quick=3)
            return await duel(ours=ours, bare=bare, rounds=rounds, say=effort.say)
    finally:
        await database.close()


async def _round(
    http: aiohttp.ClientSession,
    url: str,
    token: str,
    database: asyncpg.Connection,
    table: str,
    requests: int,
) -> float:
    """Requests a second; raises `MessagesLost` unless each 202 is a row."""
    numbers = iter(range(requests))
    stored: list[UUID] = []

    async def client() -> None:
        for number in numbers:
            async with http.post(
                f"{url}/api/v1/requests",
                json=request_of(number),
                headers={
                    "Authorization": f"Bearer {token}",
                    "Idempotency-Key": secrets.token_hex(16),
                },
            ) as answer:
                if answer.status != 202:
                    raise RuntimeError(f"{url} answered {answer.status}: {await answer.text()}")
                stored.append(UUID((await answer.json())["case_id"]))

    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(_CONCURRENCY):
            tasks.create_task(client())
    seconds = time.perf_counter() - started
    found = await database.fetchval(
        f"SELECT count(*) FROM {table} WHERE case_id = ANY($1::uuid[])", stored
    )
    if found != requests or len(set(stored)) != requests:
        raise MessagesLost(f"{requests} requests were accepted, {found} are stored")
    return requests / seconds
