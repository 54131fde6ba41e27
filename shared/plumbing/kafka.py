"""`consume()`: the one way to subscribe. Nothing is skipped, nothing is handled twice.

A batch of messages is decoded by us, handled in one transaction together with its inbox
rows, its outbox rows and its dead letters, and only then are its offsets committed. Every
choice here answers a measured trap of FastStream's or aiokafka's defaults:

- manual acknowledgement, explicit offsets: the stock policies commit before or despite errors;
- messages are given to FastStream without their headers: one that is null or not UTF-8
  makes its parser skip the message for ever (faststream #2458);
- a raising handler would be swallowed and its batch passed over, so ours never raises: a
  batch that cannot be finished is rewound;
- a rebalance waits for the batch in flight;
- a consumer can stop fetching and keep its partitions (aiokafka #625, #727, #847, #1154):
  a watchdog ends the process when there is lag and no progress.
"""

import asyncio
import contextlib
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from prometheus_client import Counter, Histogram

from shared.contracts.cloudevents import CloudEvent, MalformedEvent
from shared.plumbing.clock import Clock
from shared.plumbing.database import TRANSIENT, Database, DatabaseUnavailable, Transaction
from shared.plumbing.dead_letters import DeadLetter, insert_dead_letters
from shared.plumbing.inbox import insert_unseen
from shared.plumbing.kafka_header_names import tolerate_any_header_name
from shared.plumbing.kafka_messages import (
    RawMessage,
    Record,
    dead_letter,
    decode_as_it_came,
    decode_event,
    parse_without_headers,
    raw_message,
)

log = structlog.get_logger()

_HANDLED = Counter("aiguillage_events_handled_total", "Events handled", ["group"])
_REPEATED = Counter("aiguillage_events_repeated_total", "Events seen before", ["group"])
_BURIED = Counter("aiguillage_dead_letters_total", "Messages buried", ["group"])
_BATCH = Histogram("aiguillage_batch_seconds", "Time to handle a batch", ["group"])

MAX_BATCH = 500
_POLL_MS = 20
_FETCH_WAIT_MS = 100
"""How long Kafka holds an empty fetch; the probe, on the same connection, waits behind it."""
_PACE = 0.05
"""Least seconds between two batches that are not full, so that messages gather."""
_RETRY = 0.5
_COMMIT_TIMEOUT = 10.0
_STALLED_AFTER, _TRIES = 60.0, 3


class ConsumptionStalled(Exception):
    """There is lag and no progress: only a new process helps."""


class Identified(Protocol):
    """What a decoder returns: `id` tells a repeated message from a new one."""

    @property
    def id(self) -> UUID: ...


Item = TypeVar("Item", bound=Identified)
Handle = Callable[[Transaction, Sequence[Item]], Awaitable[None]]


def consume(
    *,
    kafka: str,
    topics: Sequence[str],
    group: str,
    handle: Handle[CloudEvent],
    database: Database,
    schema: str,
    clock: Clock,
    wants: Callable[[CloudEvent], bool] = lambda _: True,
) -> "Consumption[CloudEvent]":
    """Subscribe `handle` to our events on `topics`.

    `handle` gets 1 to 500 events that were never handled, in order per partition, inside
    one open transaction. If it raises, each event is tried alone; one that still fails
    becomes a dead letter. Events that `wants` turns down are passed over.
    """
    return Consumption(
        kafka=kafka,
        topics=topics,
        group=group,
        handle=handle,
        database=database,
        schema=schema,
        clock=clock,
        decode=decode_event,
        wants=wants,
    )


class Consumption(Generic[Item]):
    """One subscription of one process; `run()` until cancelled.

    Made directly, rather than by `consume()`, for messages that are not our events:
    `decode` reads a `RawMessage` and raises `MalformedEvent` for what it cannot read.
    """

    def __init__(
        self,
        *,
        kafka: str,
        topics: Sequence[str],
        group: str,
        handle: Handle[Item],
        database: Database,
        schema: str,
        clock: Clock,
        decode: Callable[[RawMessage], Item],
        wants: Callable[[Item], bool] = lambda _: True,
    ) -> None:
        self._group = group
        self._handle = handle
        self._database = database
        self._schema = schema
        self._clock = clock
        self._decode = decode
        self._wants = wants
        self._in_flight = asyncio.Lock()
        self._revoking = False
        self._stopping = False
        self._waiting_for_database = False
        self._last_progress = time.monotonic()
        self._connected = False
        tolerate_any_header_name()
        self._broker = KafkaBroker(
            kafka,
            client_id=f"aiguillage-{group}",
            consumer_only=True,
            allow_auto_create_topics=False,
            apply_types=False,
            logger=None,
        )
        self._subscriber = self._broker.subscriber(
            *topics,
            batch=True,
            group_id=group,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            batch_timeout_ms=_POLL_MS,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_records=MAX_BATCH,
            session_timeout_ms=6000,
            heartbeat_interval_ms=2000,
            listener=_Rebalance(self),
            parser=parse_without_headers,
            decoder=decode_as_it_came,
            no_reply=True,
        )
        self._subscriber(self._on_batch)

    async def run(self) -> None:
        """Consume until cancelled; raises `ConsumptionStalled` when it cannot go on."""
        try:
            await self._start_patiently()
            await self._watch()
        finally:
            self._stopping = True
            # The batch in flight finishes. The lock must not be kept: leaving the group may
            # call the rebalance listener, which waits for it.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10), self._in_flight:
                    pass
            with contextlib.suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(self._broker.stop(), timeout=5)

    async def probe(self) -> None:
        """Raise unless the subscription is up and Kafka still answers."""
        consumer = self._subscriber.consumer
        if not self._connected or consumer is None:
            raise ConnectionError("not connected to Kafka")
        await consumer._client.fetch_all_metadata()

    async def _start_patiently(self) -> None:
        while True:
            try:
                await self._broker.start()
            except (KafkaError, OSError) as error:
                log.warning(
                    "consumption_not_started", group=self._group, cause=type(error).__name__
                )
                with contextlib.suppress(KafkaError, OSError):
                    await self._broker.stop()
                await asyncio.sleep(_RETRY)
            else:
                self._connected = True
                log.info("consumption_started", group=self._group)
                return

    async def _watch(self) -> None:
        lagging_since: float | None = None
        while True:
            await asyncio.sleep(_STALLED_AFTER / 6)
            now = time.monotonic()
            busy = self._waiting_for_database or self._in_flight.locked()
            lag = 0 if busy else await self._lag()
            if not lag or lagging_since is None or self._last_progress > lagging_since:
                lagging_since = now if lag else None
            elif now - lagging_since >= _STALLED_AFTER:
                log.critical("consumption_stalled", group=self._group, lag=lag)
                raise ConsumptionStalled(f"group {self._group} has a lag of {lag} and stands still")

    async def _lag(self) -> int:
        consumer = self._subscriber.consumer
        if consumer is None:
            return 0
        try:
            async with asyncio.timeout(10):
                assigned = consumer.assignment()
                ends = await consumer.end_offsets(assigned) if assigned else {}
                return sum([ends[p] - await consumer.position(p) for p in ends])
        except (KafkaError, TimeoutError, IllegalStateError):
            return 0  # Kafka is down or rebalancing: standing still is then right

    async def _on_batch(self, records: tuple[Record, ...]) -> None:
        started = time.monotonic()
        async with self._in_flight:
            if self._stopping:
                return
            try:
                await self._handle_patiently(records)
            except _Abandoned:
                log.info("batch_abandoned", group=self._group, size=len(records))
                return
            except Exception as error:  # noqa: BLE001 - FastStream would pass the batch over
                log.error("batch_rewound", group=self._group, cause=_cause_of(error))
                self._rewind(records)
                await asyncio.sleep(_RETRY)
                return
            await self._commit_offsets(records)
            self._last_progress = time.monotonic()
        _BATCH.labels(self._group).observe(time.monotonic() - started)
        if len(records) < MAX_BATCH:
            await asyncio.sleep(max(0.0, _PACE - (time.monotonic() - started)))

    async def _handle_patiently(self, records: Sequence[Record]) -> None:
        decoded, letters = self._decode_all(records)
        try:
            await self._commit_or_wait(decoded, letters)
        except _Abandoned:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not cost the batch
            log.warning(
                "batch_failed", group=self._group, size=len(records), cause=_cause_of(error)
            )
            await self._commit_or_wait([], letters)
            for record, item in decoded:
                await self._handle_alone(record, item)

    async def _handle_alone(self, record: Record, item: Item) -> None:
        try:
            await self._commit_or_wait([(record, item)], [])
        except _Abandoned:
            raise
        except Exception as error:  # noqa: BLE001 - kept as a dead letter, with its cause
            await self._commit_or_wait(
                [], [dead_letter(record, consumer=self._group, error=_cause_of(error))]
            )

    async def _commit_or_wait(
        self,
        decoded: Sequence[tuple[Record, Item]],
        letters: Sequence[DeadLetter],
    ) -> None:
        """Handle in one transaction; while PostgreSQL is away, wait for it."""
        tries = 0
        while True:
            try:
                await self._in_one_transaction([item for _, item in decoded], letters)
            except DatabaseUnavailable:
                self._waiting_for_database = True
                if self._revoking or self._stopping:
                    raise _Abandoned from None
                await asyncio.sleep(_RETRY)
            except TRANSIENT:
                tries += 1
                if tries == _TRIES:
                    raise
            else:
                self._waiting_for_database = False
                return

    async def _in_one_transaction(
        self, items: Sequence[Item], letters: Sequence[DeadLetter]
    ) -> None:
        if not items and not letters:
            return
        new: list[Item] = []
        async with self._database.transaction() as tx:
            if items:
                unseen = await insert_unseen(
                    tx,
                    schema=self._schema,
                    consumer=self._group,
                    event_ids=list({item.id for item in items}),
                    now=self._clock.now(),
                )
                for item in items:
                    if item.id in unseen:
                        unseen.discard(item.id)
                        new.append(item)
                if new:
                    await self._handle(tx, new)
            await insert_dead_letters(
                tx, schema=self._schema, letters=letters, now=self._clock.now()
            )
        _HANDLED.labels(self._group).inc(len(new))
        _REPEATED.labels(self._group).inc(len(items) - len(new))
        if letters:
            _BURIED.labels(self._group).inc(len(letters))
            log.error("dead_letters_buried", group=self._group, count=len(letters))

    def _decode_all(
        self, records: Sequence[Record]
    ) -> tuple[list[tuple[Record, Item]], list[DeadLetter]]:
        decoded: list[tuple[Record, Item]] = []
        letters: list[DeadLetter] = []
        for record in records:
            try:
                item = self._decode(raw_message(record))
            except MalformedEvent as error:
                letters.append(dead_letter(record, consumer=self._group, error=str(error)))
                continue
            if self._wants(item):
                decoded.append((record, item))
        return decoded, letters

    def _rewind(self, records: Sequence[Record]) -> None:
        consumer = self._subscriber.consumer
        if consumer is None:
            return
        first: dict[TopicPartition, int] = {}
        for record in records:
            first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
        for partition, offset in first.items():
            with contextlib.suppress(IllegalStateError):  # it was given to another member
                consumer.seek(partition, offset)

    async def _commit_offsets(self, records: Sequence[Record]) -> None:
        consumer = self._subscriber.consumer
        if consumer is None:
            return
        offsets: dict[TopicPartition, int] = {}
        for record in records:
            offsets[TopicPartition(record.topic, record.partition)] = record.offset + 1
        try:
            # Without a time-out a commit waits as long as Kafka is down.
            await asyncio.wait_for(consumer.commit(offsets), timeout=_COMMIT_TIMEOUT)
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            # The batch may come again, here or elsewhere; the inbox knows it.
            log.warning("offsets_not_committed", group=self._group, cause=type(error).__name__)


class _Abandoned(Exception):
    """The partitions are being taken away, or the process stops, while PostgreSQL is away."""


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]
    """Lets the batch in flight finish before its partitions go to another member."""

    def __init__(self, consumption: Consumption[Any]) -> None:
        self._consumption = consumption

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._consumption._revoking = True
        async with self._consumption._in_flight:
            if revoked:
                log.info("partitions_revoked", group=self._consumption._group, count=len(revoked))

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._consumption._revoking = False
        self._consumption._last_progress = time.monotonic()
        log.info("partitions_assigned", group=self._consumption._group, count=len(assigned))


def _cause_of(error: Exception) -> str:
    """Type and place of an error; not its text, which may quote what a visitor wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
