"""The outbox relay draining a full outbox against a raw idempotent produce of the same messages.

The relay reads the rows from PostgreSQL, sends them in order and deletes them; the raw producer
has them in memory. The relay's clock starts when the rows become visible, and stops when it has
deleted the last; the producer's at its first send and its last acknowledgement.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from prometheus_client import REGISTRY

from shared.contracts.cloudevents import CloudEvent
from shared.plumbing.clock import SystemClock
from shared.plumbing.database import Database
from shared.plumbing.migrations import migrate
from shared.plumbing.outbox import Outbox
from shared.plumbing.outbox_relay import OutboxRelay
from tests.benchmarks.alternation import duel
from tests.benchmarks.measure import Effort, Measure, MessagesLost
from tests.benchmarks.numbered_events import (
    as_message,
    as_outgoing,
    idempotent_producer,
    numbered_event,
    read_topic,
    refuse_loss,
)
from tests.benchmarks.servers import BenchServers, durable_servers

_SCHEMA = "router"
_ROWS_AT_ONCE = 1000
_WITHIN = 120.0


async def measure(effort: Effort) -> list[Measure]:
    """Gate and aim are this project's own: DESIGN names the duel and gives no number."""
    events = [numbered_event(n) for n in range(effort.pick(full=30_000, quick=5_000))]
    async with durable_servers() as servers:
        await migrate(servers.database_url, schemas=[_SCHEMA])
        database = await Database.connect(servers.database_url, application="bench")
        try:
            found = await duel(
                ours=lambda _: _ours(servers, database, events),
                bare=lambda _: _bare(servers, events),
                rounds=effort.pick(full=5, quick=3),
                say=effort.say,
            )
        finally:
            await database.close()
    return [
        Measure(
            id="relay_ratio",
            value=found.ratio,
            unit="ours/bare",
            better="higher",
            gate=0.3,
            aim=0.5,
            rounds=found.ratios,
            facts=found.facts() | {"messages": len(events)},
        )
    ]


async def _ours(servers: BenchServers, database: Database, events: Sequence[CloudEvent]) -> float:
    topic = await servers.new_topic("relay")
    clock = SystemClock()
    outbox = Outbox(schema=_SCHEMA, source="intake", clock=clock)
    relay = OutboxRelay(
        database=database, outbox=outbox, schema=_SCHEMA, kafka=servers.kafka, clock=clock
    )
    running = asyncio.create_task(relay.run())
    try:
        await asyncio.sleep(1.0)  # it connects and takes its shards
        target = _published() + len(events)
        async with database.transaction() as tx:
            for first in range(0, len(events), _ROWS_AT_ONCE):
                part = events[first : first + _ROWS_AT_ONCE]
                await outbox.append(tx, [as_outgoing(event, topic=topic) for event in part])
        started = time.perf_counter()
        async with asyncio.timeout(_WITHIN):
            while _published() < target:
                await asyncio.sleep(0.005)
        seconds = time.perf_counter() - started
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    if await database.fetchval(f"SELECT count(*) FROM {_SCHEMA}.outbox"):
        raise MessagesLost("rows stayed in the outbox")
    await _verify(servers, topic, events)
    return len(events) / seconds


async def _bare(servers: BenchServers, events: Sequence[CloudEvent]) -> float:
    topic = await servers.new_topic("produce")
    messages = [as_message(event) for event in events]
    async with idempotent_producer(servers.kafka) as producer:
        await producer.partitions_for(topic)
        started = time.perf_counter()
        sent = [
            await producer.send(topic, value, key=key, headers=headers)
            for key, value, headers in messages
        ]
        await asyncio.gather(*sent)
        seconds = time.perf_counter() - started
    await _verify(servers, topic, events)
    return len(events) / seconds


def _published() -> float:
    name = "aiguillage_outbox_published_total"
    return REGISTRY.get_sample_value(name, {"schema": _SCHEMA}) or 0.0


async def _verify(servers: BenchServers, topic: str, events: Sequence[CloudEvent]) -> None:
    """Each once, and the events of a case in their order."""
    found = await read_topic(servers.kafka, topic, count=len(events))
    refuse_loss([event_id for _, event_id in found], events)
    by_case: dict[str, list[UUID]] = defaultdict(list)
    for key, event_id in found:
        by_case[key].append(event_id)
    expected: dict[str, list[UUID]] = defaultdict(list)
    for event in events:
        expected[event.data.subject].append(event.id)
    if by_case != expected:
        raise MessagesLost("the events of a case came out of order")
