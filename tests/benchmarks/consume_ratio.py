"""`consume()` against the bare loop it cannot beat, on one pre-filled topic.

Ours: decode and validate, inbox, a handler that writes a row and an outbox row per event, one
commit, offsets. Bare: raw aiokafka batches, one `unnest` insert of the id, one commit, offsets.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.cloudevents import CloudEvent
from shared.plumbing.clock import SystemClock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.kafka import MAX_BATCH, consume
from shared.plumbing.migrations import migrate
from shared.plumbing.outbox import Outbox
from tests.benchmarks.alternation import duel
from tests.benchmarks.measure import Effort, Measure, MessagesLost
from tests.benchmarks.numbered_events import (
    as_outgoing,
    event_id_of,
    fill_topic,
    numbered_event,
    refuse_loss,
)
from tests.benchmarks.servers import BenchServers, durable_servers

_SCHEMA = "router"
_WITHIN = 120.0
_INSERT_ROWS = """
    INSERT INTO public.bench_rows (event_id, case_id, reference)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[])
"""


async def measure(effort: Effort) -> list[Measure]:
    """Gate and aim are this project's own: DESIGN names the duel and gives no number."""
    events = [numbered_event(n) for n in range(effort.pick(full=30_000, quick=5_000))]
    async with durable_servers() as servers:
        await migrate(servers.database_url, schemas=[_SCHEMA])
        database = await Database.connect(servers.database_url, application="bench")
        await database.run_alone(
            "CREATE TABLE public.bench_rows (event_id uuid, case_id uuid, reference text)"
        )
        topic = await servers.new_topic("consume")
        await fill_topic(servers.kafka, topic, events)
        try:
            found = await duel(
                ours=lambda _: _ours(servers, database, topic, events),
                bare=lambda _: _bare(servers, database, topic, events),
                rounds=effort.pick(full=5, quick=3),
                say=effort.say,
            )
        finally:
            await database.close()
    return [
        Measure(
            id="consume_ratio",
            value=found.ratio,
            unit="ours/bare",
            better="higher",
            gate=0.5,
            aim=0.8,
            rounds=found.ratios,
            facts=found.facts() | {"messages": len(events)},
        )
    ]


async def _ours(
    servers: BenchServers, database: Database, topic: str, events: Sequence[CloudEvent]
) -> float:
    """From the first message in hand to the last commit."""
    await _empty(database)
    clock = SystemClock()
    outbox = Outbox(schema=_SCHEMA, source=_SCHEMA, clock=clock)
    started: list[float] = []
    finished = asyncio.Event()
    seen = 0

    def wants(_: CloudEvent) -> bool:
        if not started:
            started.append(time.perf_counter())
        return True

    async def handle(tx: Transaction, batch: Sequence[CloudEvent]) -> None:
        await tx.execute(
            _INSERT_ROWS,
            [event.id for event in batch],
            [event.data.case_id for event in batch],  # type: ignore[attr-defined]
            [event.data.reference for event in batch],  # type: ignore[attr-defined]
        )
        await outbox.append(tx, [as_outgoing(event, topic=topic) for event in batch])

        def count() -> None:
            nonlocal seen
            seen += len(batch)
            if seen >= len(events):
                finished.set()

        tx.after_commit(count)

    consumption = consume(
        kafka=servers.kafka,
        topics=[topic],
        group=f"ours-{secrets.token_hex(4)}",
        handle=handle,
        database=database,
        schema=_SCHEMA,
        clock=clock,
        wants=wants,
    )
    running = asyncio.create_task(consumption.run())
    try:
        await asyncio.wait_for(finished.wait(), timeout=_WITHIN)
        seconds = time.perf_counter() - started[0]
    except TimeoutError:
        raise MessagesLost(f"{len(events) - seen} messages not handled in {_WITHIN} s") from None
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    await _verify(database, events, outbox_rows=len(events))
    return len(events) / seconds


async def _bare(
    servers: BenchServers, database: Database, topic: str, events: Sequence[CloudEvent]
) -> float:
    await _empty(database)
    seen, started = 0, 0.0
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers.kafka,
        group_id=f"bare-{secrets.token_hex(4)}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    connection = await asyncpg.connect(servers.database_url)
    try:
        async with consumer, asyncio.timeout(_WITHIN):
            while seen < len(events):
                batch = await consumer.getmany(timeout_ms=20, max_records=MAX_BATCH)
                if not batch:
                    continue
                started = started or time.perf_counter()
                seen += await _store_bare(connection, batch)
                finished = time.perf_counter()
                await consumer.commit(
                    {partition: rows[-1].offset + 1 for partition, rows in batch.items()}
                )
    finally:
        await connection.close()
    await _verify(database, events, outbox_rows=0)
    return len(events) / (finished - started)


async def _store_bare(connection: asyncpg.Connection, batch: dict[TopicPartition, list]) -> int:
    rows = [record for records in batch.values() for record in records]
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO public.bench_rows (event_id) SELECT * FROM unnest($1::uuid[])",
            [event_id_of(row.headers) for row in rows],
        )
    return len(rows)


async def _empty(database: Database) -> None:
    await database.run_alone(
        f"TRUNCATE public.bench_rows, {_SCHEMA}.inbox, {_SCHEMA}.outbox, {_SCHEMA}.dead_letters"
    )


async def _verify(database: Database, events: Sequence[CloudEvent], *, outbox_rows: int) -> None:
    rows = await database.fetch("SELECT event_id FROM public.bench_rows")
    refuse_loss([row["event_id"] for row in rows], events)
    outgoing = await database.fetch(f"SELECT event_id FROM {_SCHEMA}.outbox")
    refuse_loss([row["event_id"] for row in outgoing], events if outbox_rows else [])
    if await database.fetchval(f"SELECT count(*) FROM {_SCHEMA}.dead_letters"):
        raise MessagesLost("good messages became dead letters")
