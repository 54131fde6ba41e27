"""Publishes what the outbox holds, in order per key, and deletes it once Kafka has it.

One relay at a time serves a shard, by an advisory lock on a connection of its own: when
that connection dies, so does the claim, and another process takes the shard over. A row
that may have been published already is published again; every consumer knows its id.
No transaction is open while Kafka is slow.
"""

import asyncio
import contextlib
import time
import zlib
from collections.abc import AsyncIterator, Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge

from shared.plumbing.clock import Clock
from shared.plumbing.database import TRANSIENT, Connection, Database, DatabaseUnavailable, Row
from shared.plumbing.outbox import SHARDS, Outbox

log = structlog.get_logger()

_PUBLISHED = Counter("aiguillage_outbox_published_total", "Events published", ["schema"])
_FAILED = Counter("aiguillage_outbox_failed_total", "Events not acknowledged in time", ["schema"])
_OLDEST = Gauge("aiguillage_outbox_oldest_seconds", "Age of the oldest row seen", ["schema"])

_BATCH = 500
_POLL = 0.5
"""Seconds between looks when no hint comes: the safety net."""
_PACE = 0.025
"""Least seconds between two rounds under load, so that rows gather into batches."""
_ELECTION = 1.0
"""Seconds between attempts on the shards that another process holds."""
_SEND_TIMEOUT = 15.0
_RETRY = 1.0


class _SendFailed(Exception):
    """Kafka did not acknowledge in time, or refused for good: what was sent is unknown."""


_INTERRUPTIONS = (DatabaseUnavailable, *TRANSIENT, KafkaError, _SendFailed, TimeoutError)


class OutboxRelay:
    """The relay of one process for one schema's outbox; `run()` until cancelled."""

    def __init__(
        self, *, database: Database, outbox: Outbox, schema: str, kafka: str, clock: Clock
    ) -> None:
        self._database = database
        self._clock = clock
        self._schema = schema
        self._kafka = kafka
        self._hint = asyncio.Event()
        self._channel = f"outbox_{schema}"
        self._held: set[int] = set()
        self._last_election = 0.0
        self._failing_since: float | None = None
        outbox.on_append(self._hint.set)

    async def run(self) -> None:
        """Relay for ever; every failure is followed by a new connection and a new producer."""
        while True:
            try:
                async with self._database.dedicated_connection() as connection:
                    await connection.add_listener(self._channel, self._on_notify)
                    async with _producer(self._kafka) as producer:
                        self._failing_since = None
                        await self._relay(connection, producer)
            except (
                DatabaseUnavailable,
                *TRANSIENT,
                KafkaError,
                _SendFailed,
                TimeoutError,
            ) as error:
                log.warning(
                    "outbox_relay_interrupted", schema=self._schema, cause=type(error).__name__
                )
                self._failing_since = self._failing_since or time.monotonic()
            finally:
                self._held.clear()
            await asyncio.sleep(_RETRY)

    def _on_notify(self, *_: object) -> None:
        self._hint.set()

    async def _relay(self, connection: Connection, producer: AIOKafkaProducer) -> None:
        while True:
            await self._elect(connection)
            started = time.monotonic()
            self._hint.clear()
            full = await self._publish_batch(producer) == _BATCH
            if full:
                continue
            await asyncio.sleep(max(0.0, _PACE - (time.monotonic() - started)))
            with contextlib.suppress(TimeoutError):
                # Not wait_for: on Python 3.11 it can swallow the cancellation that ends us.
                async with asyncio.timeout(_POLL):
                    await self._hint.wait()
                if len(self._held) < SHARDS:
                    # The rows may be another process's: pass the hint on, once a round.
                    await connection.execute(f"NOTIFY {self._channel}")

    async def _elect(self, connection: Connection) -> None:
        if len(self._held) == SHARDS or time.monotonic() - self._last_election < _ELECTION:
            if connection.is_closed():
                raise DatabaseUnavailable("the relay's own connection was lost")
            return
        self._last_election = time.monotonic()
        lock_class = zlib.crc32(f"outbox {self._schema}".encode()) & 0x7FFFFFFF
        rows = await connection.fetch(
            "SELECT shard FROM unnest($1::int[]) AS shard WHERE pg_try_advisory_lock($2, shard)",
            sorted(set(range(SHARDS)) - self._held),
            lock_class,
        )
        self._held |= {row["shard"] for row in rows}

    async def _list_rows(self) -> list[Row]:
        return await self._database.fetch(
            f"""
            SELECT id, topic, key, headers, value, created_at FROM {self._schema}.outbox
            WHERE shard = ANY($1::int[]) ORDER BY id LIMIT $2
            """,
            sorted(self._held),
            _BATCH,
        )

    async def _publish_batch(self, producer: AIOKafkaProducer) -> int:
        rows = await self._list_rows() if self._held else []
        if not rows:
            _OLDEST.labels(self._schema).set(0)
            return 0
        age = self._clock.now() - rows[0]["created_at"]
        _OLDEST.labels(self._schema).set(max(0.0, age.total_seconds()))
        published = await _send(producer, rows)
        if published:
            await self._database.run_alone(
                f"DELETE FROM {self._schema}.outbox WHERE id = ANY($1::bigint[])", published
            )
        _PUBLISHED.labels(self._schema).inc(len(published))
        if len(published) < len(rows):
            _FAILED.labels(self._schema).inc(len(rows) - len(published))
            raise _SendFailed
        return len(rows)


async def _send(producer: AIOKafkaProducer, rows: Sequence[Row]) -> list[int]:
    """Send the rows in order; return the ids that Kafka acknowledged in time."""
    acknowledgements: dict[int, asyncio.Future[object]] = {}
    # aiokafka's idempotent producer never times out by itself (aiokafka #1101).
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(_SEND_TIMEOUT):
            for row in rows:
                acknowledgements[row["id"]] = await producer.send(
                    row["topic"],
                    row["value"],
                    key=row["key"].encode(),
                    headers=[(name, value.encode()) for name, value in row["headers"].items()],
                )
            await asyncio.wait(acknowledgements.values())
    return [
        row_id
        for row_id, answer in acknowledgements.items()
        if answer.done() and not answer.cancelled() and answer.exception() is None
    ]


@contextlib.asynccontextmanager
async def _producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer of one's own: after a fatal error only a new one helps (aiokafka #1017)."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        linger_ms=2,
        request_timeout_ms=10_000,
        max_request_size=2 * 1024 * 1024,
    )
    try:
        await asyncio.wait_for(producer.start(), timeout=_SEND_TIMEOUT)
        yield producer
    finally:
        # stop() flushes, and waits for ever when Kafka is down.
        with contextlib.suppress(TimeoutError, KafkaError):
            await asyncio.wait_for(producer.stop(), timeout=3)
