"""The outbox and its relay on a real PostgreSQL and a real Kafka."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from shared.contracts.cloudevents import from_message
from shared.contracts.events import RequestWithdrawnV1
from shared.contracts.topics import Topic
from shared.plumbing import outbox_relay
from shared.plumbing.clock import SystemClock
from shared.plumbing.database import Database
from shared.plumbing.migrations import migrate
from shared.plumbing.outbox import SHARDS, Outbox, OutgoingEvent, shard_of
from shared.plumbing.outbox_relay import OutboxRelay
from shared.plumbing.topic_admin import create_topics
from tests.infrastructure import KafkaAddresses

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    await migrate(database_url, schemas=["router"])
    database = await Database.connect(database_url, application="test", max_size=6)
    yield database
    await database.close()


@pytest.fixture
async def topic(kafka_addresses: KafkaAddresses, database: Database) -> AsyncIterator[str]:
    name = f"t-{secrets.token_hex(4)}"
    await create_topics(kafka_addresses.internal, [Topic(name, (), (), (), 4, 3_600_000)])
    yield name
    await database.run_alone("DELETE FROM router.outbox")


def outgoing(topic: str, case_id: UUID, number: int = 0) -> OutgoingEvent:
    data = RequestWithdrawnV1(case_id=case_id, withdrawn_at=NOW, withdrawn_by=str(number))
    trace = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    return OutgoingEvent(topic=topic, event_id=uuid4(), data=data, trace=trace)


def make_outbox() -> Outbox:
    return Outbox(schema="router", source="router", clock=SystemClock())


def make_relay(database: Database, outbox: Outbox, kafka: str) -> OutboxRelay:
    return OutboxRelay(
        database=database, outbox=outbox, schema="router", kafka=kafka, clock=SystemClock()
    )


@contextlib.asynccontextmanager
async def running(*jobs: Callable[[], Awaitable[None]]) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.ensure_future(job()) for job in jobs]
    try:
        yield tasks  # type: ignore[misc]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def append(database: Database, outbox: Outbox, *events: OutgoingEvent) -> None:
    async with database.transaction() as tx:
        await outbox.append(tx, events)


async def waiting(database: Database) -> int:
    return await database.fetchval("SELECT count(*) FROM router.outbox")


async def until_empty(database: Database) -> None:
    async with asyncio.timeout(40):
        while await waiting(database):
            await asyncio.sleep(0.05)


async def read_all(kafka: str, topic: str) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        records: list[ConsumerRecord] = []
        while True:
            found = await consumer.getmany(timeout_ms=700)
            if not found:
                return records
            for batch in found.values():
                records.extend(batch)
    finally:
        await consumer.stop()


async def test_what_is_appended_is_published_and_its_row_deleted(
    database: Database, kafka_addresses: KafkaAddresses, topic: str
) -> None:
    outbox = make_outbox()
    event = outgoing(topic, uuid4())
    async with running(make_relay(database, outbox, kafka_addresses.internal).run):
        await append(database, outbox, event)
        await until_empty(database)
    (record,) = await read_all(kafka_addresses.internal, topic)
    read = from_message({k: v.decode() for k, v in record.headers}, record.value)
    assert (read.id, read.data, read.trace) == (event.event_id, event.data, event.trace)
    assert record.key == event.data.subject.encode()


async def test_a_transaction_that_is_rolled_back_publishes_nothing(
    database: Database, kafka_addresses: KafkaAddresses, topic: str
) -> None:
    outbox = make_outbox()
    kept = outgoing(topic, uuid4())
    async with running(make_relay(database, outbox, kafka_addresses.internal).run):
        with contextlib.suppress(ZeroDivisionError):
            async with database.transaction() as tx:
                await outbox.append(tx, [outgoing(topic, uuid4())])
                raise ZeroDivisionError
        await append(database, outbox, kept)
        await until_empty(database)
    assert len(await read_all(kafka_addresses.internal, topic)) == 1


async def test_events_of_one_case_keep_their_order(
    database: Database, kafka_addresses: KafkaAddresses, topic: str
) -> None:
    outbox = make_outbox()
    cases = [uuid4() for _ in range(7)]
    async with running(make_relay(database, outbox, kafka_addresses.internal).run):
        for number in range(30):
            await append(database, outbox, *(outgoing(topic, case, number) for case in cases))
        await until_empty(database)
    records = await read_all(kafka_addresses.internal, topic)
    for case in cases:
        numbers = [
            int(RequestWithdrawnV1.model_validate_json(record.value).withdrawn_by)
            for record in records
            if record.key == str(case).encode()
        ]
        assert numbers == list(range(30))


async def test_two_relays_share_the_outbox_without_publishing_twice(
    database: Database, kafka_addresses: KafkaAddresses, topic: str
) -> None:
    outbox, other = make_outbox(), make_outbox()
    relays = [make_relay(database, box, kafka_addresses.internal) for box in (outbox, other)]
    async with running(*(relay.run for relay in relays)):
        for number in range(100):
            await append(database, other, outgoing(topic, uuid4(), number))
        await until_empty(database)
    assert len(await read_all(kafka_addresses.internal, topic)) == 100


async def test_when_one_relay_ends_another_takes_its_shards(
    database: Database, kafka_addresses: KafkaAddresses, topic: str
) -> None:
    outbox, other = make_outbox(), make_outbox()
    relays = [make_relay(database, box, kafka_addresses.internal) for box in (outbox, other)]
    async with running(*(relay.run for relay in relays)) as tasks:
        await append(database, outbox, outgoing(topic, uuid4()))
        await until_empty(database)
        holder = next(i for i, relay in enumerate(relays) if relay._held)
        tasks[holder].cancel()
        await append(database, other, *(outgoing(topic, uuid4()) for _ in range(20)))
        await until_empty(database)
        assert len(relays[1 - holder]._held) == SHARDS
    assert len(await read_all(kafka_addresses.internal, topic)) == 21


async def test_while_kafka_is_away_rows_wait_and_leave_when_it_is_back(
    database: Database,
    kafka_addresses: KafkaAddresses,
    topic: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outbox = make_outbox()
    relay = make_relay(database, outbox, kafka_addresses.internal)
    send = outbox_relay._send
    cut = asyncio.Event()

    async def cut_off(producer: object, rows: object) -> list[int]:
        if cut.is_set():
            raise TimeoutError
        return await send(producer, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox_relay, "_send", cut_off)
    cut.set()
    async with running(relay.run):
        await append(database, outbox, *(outgoing(topic, uuid4()) for _ in range(5)))
        await asyncio.sleep(0.5)
        assert await waiting(database) == 5
        cut.clear()
        await until_empty(database)
    assert len(await read_all(kafka_addresses.internal, topic)) == 5


def test_a_key_is_always_in_the_same_shard() -> None:
    key = "7c1b8a52-9a52-4f5e-8d5e-0d4a3f2b1c00"
    assert shard_of(key) == shard_of(key)
    assert {shard_of(str(uuid4())) for _ in range(200)} == set(range(SHARDS))
