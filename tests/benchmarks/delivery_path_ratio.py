"""The whole path of deliveries to one `rest` agency against a bare aiohttp loop to the same stub.

Ours claims, opens the seal, calls, and records attempt, state and event; the bare loop only
calls, with the same body and as many calls at once. The clock of ours runs from the first claim
to the last recorded outcome, by the rows themselves.
"""

import asyncio
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from services.commands.child_plans import PARTNER_ADAPTERS, door_urls
from services.partner_adapters.delivery_store import (
    NewDelivery,
    insert_deliveries,
    insert_referrals,
)
from services.partner_adapters.handover import referral_body
from shared.contracts.events import ReferralIssuedV1, derive_id
from shared.plumbing.database import Database
from shared.plumbing.sealing import KeyRing, Sealer
from tests.benchmarks.alternation import Duel, duel
from tests.benchmarks.bench_partners import CONCURRENCY, content_of, issue, open_partners
from tests.benchmarks.measure import Effort, Measure, MessagesLost
from tests.benchmarks.one_service import Site, bench_program, prepare_site, running_service
from tests.benchmarks.servers import durable_servers
from tests.benchmarks.stub_count import Count, count_of
from tests.infrastructure import temporary_folder

_PARTNER = "bench"
_WITHIN = 120.0


async def measure(effort: Effort) -> list[Measure]:
    referrals = effort.pick(full=2000, quick=500)
    with temporary_folder() as logs:
        async with durable_servers() as servers:
            site = await prepare_site(servers, logs=logs)
            found = await _duel(site, effort, referrals=referrals, logs=logs)
    return [
        Measure(
            id="delivery_path_ratio",
            value=found.ratio,
            unit="ours/bare",
            better="higher",
            rounds=found.ratios,
            facts=found.facts() | {"referrals": referrals, "concurrency": CONCURRENCY},
        )
    ]


async def _duel(site: Site, effort: Effort, *, referrals: int, logs: Path) -> Duel:
    stub, stub_url = bench_program(
        "stub_agency", port=site.ports.simulators, logs=logs, environment={}
    )
    environment = await open_partners(
        {_PARTNER: stub_url}, kafka=site.servers.kafka, folder=logs / "partners"
    )
    database = await Database.connect(site.servers.database_url, application="bench")
    try:
        async with (
            running_service(stub, url=stub_url, health="/count"),
            running_service(
                site.plan(PARTNER_ADAPTERS),
                url=door_urls(site.ports)[PARTNER_ADAPTERS],
                **environment,
            ),
        ):
            return await duel(
                ours=lambda number: _ours(site, database, stub_url, number, referrals),
                bare=lambda number: _bare(stub_url, number, referrals),
                rounds=effort.pick(full=5, quick=3),
                say=effort.say,
            )
    finally:
        await database.close()


async def _ours(
    site: Site, database: Database, stub_url: str, round_number: int, referrals: int
) -> float:
    sealer = Sealer(KeyRing.parse(site.secrets.key_ring))
    issued = issue(_PARTNER, round_number, range(referrals), sealer=sealer)
    before = await count_of(stub_url)
    async with database.transaction() as tx:
        await insert_referrals(tx, [(event, {}) for event in issued])
        deliveries = [_delivery(event) for event in issued]
        await insert_deliveries(tx, deliveries, now=datetime.now(UTC))
    ids = [delivery.delivery_id for delivery in deliveries]
    started = time.monotonic()
    while await _delivered(database, ids) < referrals:
        if time.monotonic() - started > _WITHIN:
            raise MessagesLost(f"not all of {referrals} referrals delivered in {_WITHIN:.0f} s")
        await asyncio.sleep(0.2)
    await _refuse_loss(stub_url, before, referrals)
    seconds = await database.fetchval(
        """
        SELECT extract(epoch FROM max(finished_at) - min(sending_since))::float8
        FROM partner_adapters.deliveries WHERE delivery_id = ANY($1::uuid[])
        """,
        ids,
    )
    return referrals / float(seconds)


async def _bare(stub_url: str, round_number: int, referrals: int) -> float:
    bodies = iter([_body(round_number, number) for number in range(referrals)])
    before = await count_of(stub_url)
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector) as http:

        async def client() -> None:
            for body in bodies:
                async with http.post(
                    f"{stub_url}/referrals",
                    json=body,
                    headers={"Idempotency-Key": secrets.token_hex(16), "X-Api-Key": "bench"},
                ) as answer:
                    answer.raise_for_status()
                    await answer.read()

        started = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(CONCURRENCY):
                tasks.create_task(client())
        seconds = time.perf_counter() - started
    await _refuse_loss(stub_url, before, referrals)
    return referrals / seconds


async def _refuse_loss(stub_url: str, before: Count, referrals: int) -> None:
    after = await count_of(stub_url)
    if after.held - before.held != referrals or after.doubled != before.doubled:
        raise MessagesLost(f"{referrals} referrals, and the agency went from {before} to {after}")


async def _delivered(database: Database, ids: list) -> int:
    found: int = await database.fetchval(
        "SELECT count(*) FROM partner_adapters.deliveries "
        "WHERE delivery_id = ANY($1::uuid[]) AND state = 'delivered'",
        ids,
    )
    return found


def _delivery(event: ReferralIssuedV1) -> NewDelivery:
    return NewDelivery(
        delivery_id=derive_id("delivery", event.referral_id),
        referral_id=event.referral_id,
        partner_id=event.partner_id,
        what="referral",
        position=1,
        happened_at=event.issued_at,
    )


def _body(round_number: int, number: int) -> dict[str, object]:
    now = datetime.now(UTC)
    about = {
        "referral_id": derive_id("bench bare", round_number, number),
        "reference": f"{number:08d}",
        "unit_id": None,
        "urgent": False,
        "channel": "kiosk",
        "language": "fr",
        "taken_at": now,
        "issued_at": now,
        "demarches": [{"id": "bench.facture", "title": "Contester une facture"}],
    }
    permitted = {"given_name", "family_name", "postcode", "phone", "email", "identifiers"}
    return referral_body(about, content_of(number), partner_id=_PARTNER, permitted_fields=permitted)
