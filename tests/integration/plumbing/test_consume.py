"""`consume()` on a real Kafka and a real PostgreSQL: nothing skipped, nothing handled twice."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from shared.contracts.cloudevents import CloudEvent, to_headers
from shared.contracts.events import RequestWithdrawnV1
from shared.contracts.topics import Topic
from shared.plumbing import kafka
from shared.plumbing.clock import SystemClock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.kafka import Consumption, consume
from shared.plumbing.migrations import migrate
from shared.plumbing.topic_admin import create_topics
from tests.infrastructure import KafkaAddresses

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
Handle = Callable[[Transaction, Sequence[CloudEvent]], Any]


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    await migrate(database_url, schemas=["router"])
    database = await Database.connect(database_url, application="test", max_size=6)
    await database.run_alone("CREATE TABLE handled (event_id uuid, case_id uuid, position serial)")
    yield database
    await database.close()


class Bench:
    """One topic, one group, and what was handled."""

    def __init__(self, address: str, database: Database) -> None:
        self.kafka = address
        self.database = database
        self.topic = f"t-{secrets.token_hex(4)}"
        self.group = self.topic
        self.producer = AIOKafkaProducer(bootstrap_servers=address, acks="all")
        self.handled: list[UUID] = []

    async def send(
        self, event: CloudEvent, *, headers: list[tuple[str, bytes | None]] | None = None
    ) -> None:
        default = [(name, value.encode()) for name, value in to_headers(event).items()]
        await self.producer.send_and_wait(
            self.topic,
            event.data.model_dump_json().encode(),
            key=event.data.subject.encode(),
            headers=default if headers is None else headers,
        )

    async def send_raw(self, value: bytes | None, headers: Sequence[tuple[str, Any]]) -> None:
        await self.producer.send_and_wait(self.topic, value, key=b"x", headers=list(headers))

    async def record(self, tx: Transaction, events: Sequence[CloudEvent]) -> None:
        await tx.execute(
            "INSERT INTO handled (event_id, case_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])",
            [event.id for event in events],
            [UUID(event.data.subject) for event in events],
        )
        self.handled.extend(event.id for event in events)

    def consumption(self, handle: Handle | None = None) -> Consumption[CloudEvent]:
        return consume(
            kafka=self.kafka,
            topics=[self.topic],
            group=self.group,
            handle=handle or self.record,
            database=self.database,
            schema="router",
            clock=SystemClock(),
        )

    async def count(self) -> int:
        return await self.database.fetchval(
            "SELECT count(*) FROM handled WHERE event_id = ANY("
            "SELECT event_id FROM router.inbox WHERE consumer = $1)",
            self.group,
        )

    async def letters(self) -> list[asyncpg.Record]:
        return await self.database.fetch(
            "SELECT * FROM router.dead_letters WHERE consumer = $1 ORDER BY id", self.group
        )


@pytest.fixture
async def bench(kafka_addresses: KafkaAddresses, database: Database) -> AsyncIterator[Bench]:
    bench = Bench(kafka_addresses.internal, database)
    topic = Topic(bench.topic, (), (), (), partitions=4, retention_ms=3_600_000)
    await create_topics(bench.kafka, [topic])
    await bench.producer.start()
    yield bench
    await bench.producer.stop()


def withdrawal(case_id: UUID | None = None) -> CloudEvent:
    data = RequestWithdrawnV1(case_id=case_id or uuid4(), withdrawn_at=NOW, withdrawn_by="test")
    return CloudEvent(id=uuid4(), source="intake", time=NOW, data=data)


@contextlib.asynccontextmanager
async def running(*consumptions: Consumption[CloudEvent]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(consumption.run()) for consumption in consumptions]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], Any], *, within: float = 40) -> None:
    async with asyncio.timeout(within):
        while not (await result if asyncio.iscoroutine(result := condition()) else result):
            await asyncio.sleep(0.05)


async def test_every_event_is_handled_once_and_in_order_per_case(bench: Bench) -> None:
    cases = [uuid4() for _ in range(5)]
    sent = [withdrawal(cases[i % 5]) for i in range(100)]
    for event in sent:
        await bench.send(event)
    async with running(bench.consumption()):
        await until(lambda: len(bench.handled) == 100)
    for case_id in cases:
        expected = [event.id for event in sent if event.data.subject == str(case_id)]
        assert [seen for seen in bench.handled if seen in set(expected)] == expected


async def test_a_repeated_event_is_not_handled_again(bench: Bench) -> None:
    event, last = withdrawal(), withdrawal()
    for repeated in (event, event, event, last):
        await bench.send(repeated)
    async with running(bench.consumption()):
        await until(lambda: last.id in bench.handled)
        await bench.send(event)
        another = withdrawal()
        await bench.send(another)
        await until(lambda: another.id in bench.handled)
    assert sorted(bench.handled) == sorted([event.id, last.id, another.id])


async def test_what_cannot_be_read_becomes_a_dead_letter_and_the_rest_goes_on(bench: Bench) -> None:
    good = withdrawal()
    headers = to_headers(good)
    encoded = [(name, value.encode()) for name, value in headers.items()]

    def changed(**other: bytes | None) -> list[tuple[str, bytes | None]]:
        return [(name, other.get(name, value)) for name, value in encoded]

    value = good.data.model_dump_json().encode()
    await bench.send_raw(b"\x00\xff poison", [])
    await bench.send_raw(None, encoded)
    await bench.send_raw(value, changed(ce_type=b"request.withdrawn.v9"))
    await bench.send_raw(value, changed(ce_type=b"nobody.knows.v1"))
    await bench.send_raw(value, changed(ce_id=None))
    await bench.send_raw(value, changed(ce_id=b"\xff\xfe"))
    await bench.send_raw(b"{", encoded)
    await bench.send_raw(b'{"case_id": 3}', encoded)
    await bench.send(good)
    async with running(bench.consumption()):
        await until(lambda: good.id in bench.handled)
        await until(lambda: _has(bench, 8))
    errors = [letter["error"] for letter in await bench.letters()]
    assert len(errors) == 8
    assert "unknown event type or version 'request.withdrawn.v9'" in errors
    assert any("case_id" in error for error in errors)
    assert bench.handled == [good.id]


async def _has(bench: Bench, letters: int) -> bool:
    return len(await bench.letters()) == letters


async def test_headers_that_are_null_or_not_utf8_do_not_hide_an_event(bench: Bench) -> None:
    event = withdrawal()
    strange = [("x-null", None), ("x-bytes", b"\xff\xfe"), ("", b"")]
    encoded = [(name, value.encode()) for name, value in to_headers(event).items()]
    await bench.send(event, headers=[*strange, *encoded])
    async with running(bench.consumption()):
        await until(lambda: event.id in bench.handled)
    assert await bench.letters() == []


async def test_one_failing_event_is_isolated_from_its_batch(bench: Bench) -> None:
    events = [withdrawal() for _ in range(20)]
    poison = events[7]

    async def handle(tx: Transaction, batch: Sequence[CloudEvent]) -> None:
        await bench.record(tx, batch)
        if poison.id in {event.id for event in batch}:
            raise ValueError("the words of a visitor must not be kept")

    for event in events:
        await bench.send(event)
    async with running(bench.consumption(handle)):
        await until(lambda: _has(bench, 1))
        await until(lambda: _is(bench, 19))
    (letter,) = await bench.letters()
    assert letter["error"].startswith("ValueError at test_consume.py:")
    assert "visitor" not in letter["error"]
    assert dict(letter["headers"])["ce_id"] == str(poison.id)


async def _is(bench: Bench, count: int) -> bool:
    return await bench.count() == count


async def test_members_that_come_and_go_lose_nothing_and_repeat_nothing(bench: Bench) -> None:
    events = [withdrawal() for _ in range(600)]

    async def send_all() -> None:
        for event in events:
            await bench.send(event)
            await asyncio.sleep(0.002)

    async with running(bench.consumption()):
        sending = asyncio.create_task(send_all())
        for _ in range(3):
            async with running(bench.consumption()):
                await asyncio.sleep(0.6)
        await sending
        await until(lambda: _is(bench, 600))
    assert await bench.letters() == []


async def test_while_postgresql_is_away_the_batch_waits(bench: Bench, database: Database) -> None:
    event = withdrawal()
    refusals = 0

    async def away_at_first(tx: Transaction, batch: Sequence[CloudEvent]) -> None:
        nonlocal refusals
        if refusals < 3:
            refusals += 1
            raise ConnectionResetError
        await bench.record(tx, batch)

    await bench.send(event)
    async with running(bench.consumption(away_at_first)):
        await until(lambda: bench.handled == [event.id])
    assert refusals == 3
    assert await bench.letters() == []


async def test_a_stopped_member_leaves_the_rest_to_the_next(bench: Bench) -> None:
    first, second = withdrawal(), withdrawal()
    await bench.send(first)
    async with running(bench.consumption()):
        await until(lambda: first.id in bench.handled)
    await bench.send(second)
    async with running(bench.consumption()):
        await until(lambda: second.id in bench.handled)
    assert bench.handled == [first.id, second.id]


async def test_a_batch_that_cannot_even_be_buried_is_not_passed_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = withdrawal()
    failures = 0
    bury = kafka.insert_dead_letters

    async def fail_twice(*args: Any, **kwargs: Any) -> None:
        nonlocal failures
        if failures < 2 and kwargs["letters"]:
            failures += 1
            raise RuntimeError
        await bury(*args, **kwargs)

    monkeypatch.setattr(kafka, "insert_dead_letters", fail_twice)
    await bench.send_raw(b"poison", [])
    await bench.send(event)
    async with running(bench.consumption()):
        await until(lambda: _has(bench, 1))
        await until(lambda: event.id in bench.handled)
    assert failures == 2


async def test_a_consumer_that_keeps_its_partitions_and_stands_still_ends_its_process(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "_STALLED_AFTER", 1.5)
    first = withdrawal()
    await bench.send(first)
    consumption = bench.consumption()
    running_it = asyncio.create_task(consumption.run())
    await until(lambda: first.id in bench.handled)
    consumer = consumption._subscriber.consumer
    assert consumer is not None
    consumer.pause(*consumer.assignment())  # as when its fetcher has died (aiokafka #1154)
    await bench.send(withdrawal())
    with pytest.raises(kafka.ConsumptionStalled, match="stands still"):
        await asyncio.wait_for(running_it, timeout=40)
    assert bench.handled == [first.id]


async def test_a_consumer_with_nothing_to_do_is_left_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "_STALLED_AFTER", 0.3)
    event = withdrawal()
    async with running(bench.consumption()):
        await asyncio.sleep(2)
        await bench.send(event)
        await until(lambda: event.id in bench.handled)
