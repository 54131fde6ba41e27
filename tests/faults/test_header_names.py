"""A Kafka header whose very name is not UTF-8: the protocol lets any client write one.

An agency writes on its reply topic with whatever client it has. aiokafka decodes names strictly
and takes the record for a corrupt one, again and again.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from kafka import KafkaProducer

from shared.contracts.cloudevents import CloudEvent, to_headers
from shared.contracts.events import RequestWithdrawnV1
from shared.contracts.topics import Topic
from shared.plumbing.clock import SystemClock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.kafka import consume
from shared.plumbing.migrations import migrate
from shared.plumbing.topic_admin import create_topics
from tests.infrastructure import KafkaAddresses

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class BytesThatAreNoText(str):
    """What the one client that can be talked into it writes as a header's name."""

    def encode(self, *_: object) -> bytes:  # type: ignore[override]
        return "Référence".encode("latin-1")


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    await migrate(database_url, schemas=["router"])
    database = await Database.connect(database_url, application="test", max_size=4)
    yield database
    await database.close()


def write(
    kafka: str, topic: str, events: Sequence[tuple[CloudEvent, list[tuple[str, bytes]]]]
) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka)
    try:
        for event, more in events:
            headers = [(name, value.encode()) for name, value in to_headers(event).items()]
            value = event.data.model_dump_json().encode()
            producer.send(topic, value, key=b"key", headers=headers + more)
        producer.flush()
    finally:
        producer.close()


async def test_a_header_whose_name_is_no_text_stops_nothing(
    kafka_addresses: KafkaAddresses, database: Database
) -> None:
    topic = f"t-{secrets.token_hex(4)}"
    one = Topic(topic, (), (), (), partitions=1, retention_ms=3_600_000)
    await create_topics(kafka_addresses.internal, [one])
    before, strange, after = (
        CloudEvent(
            id=uuid4(),
            source="intake",
            time=NOW,
            data=RequestWithdrawnV1(case_id=uuid4(), withdrawn_at=NOW, withdrawn_by="test"),
        )
        for _ in range(3)
    )
    handled: list[UUID] = []

    async def handle(_: Transaction, events: Sequence[CloudEvent]) -> None:
        handled.extend(event.id for event in events)

    consumption = consume(
        kafka=kafka_addresses.internal,
        topics=[topic],
        group=topic,
        handle=handle,
        database=database,
        schema="router",
        clock=SystemClock(),
    )
    await asyncio.to_thread(
        write,
        kafka_addresses.internal,
        topic,
        [(before, []), (strange, [(BytesThatAreNoText("x"), b"1")]), (after, [])],
    )
    running = asyncio.create_task(consumption.run())
    try:
        async with asyncio.timeout(20):
            while after.id not in handled:
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    buried = await database.fetchval(
        "SELECT count(*) FROM router.dead_letters WHERE topic = $1", topic
    )
    # The strange one was either read without that header, or kept: it is not gone.
    assert handled[0] == before.id
    assert (strange.id in handled) != (buried == 1)
