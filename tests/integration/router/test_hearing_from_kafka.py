"""The router's consumer behind `consume()`, on a real Kafka and a real PostgreSQL."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer

from services.router.consumers import concerns_us
from shared.contracts.cloudevents import CloudEvent, to_headers
from shared.contracts.events import CaseRoutedV1, Event
from shared.contracts.topics import Topic
from shared.plumbing.kafka import consume
from shared.plumbing.topic_admin import create_topics
from tests.infrastructure import KafkaAddresses
from tests.integration.router.rig import NOON, Rig

TWO_NEEDS = "Je veux demander l'APL à la CAF et renouveler ma carte Vitale à la CPAM"

Say = Callable[..., Awaitable[UUID]]


@pytest.fixture
async def say(router: Rig, kafka_addresses: KafkaAddresses) -> AsyncIterator[Say]:
    """Publish an event on a topic that this router hears."""
    topic = f"test-{secrets.token_hex(4)}"
    await create_topics(
        kafka_addresses.internal,
        [Topic(topic, carries=(), written_by=(), read_by=(), partitions=2, retention_ms=3_600_000)],
    )
    consumption = consume(
        kafka=kafka_addresses.internal,
        topics=[topic],
        group=topic,
        handle=router.consumer.handle,
        database=router.database,
        schema="router",
        clock=router.clock,
        wants=concerns_us,
    )
    async with AIOKafkaProducer(bootstrap_servers=kafka_addresses.internal) as producer:

        async def publish(event: Event, *, event_id: UUID | None = None) -> UUID:
            said = CloudEvent(id=event_id or uuid4(), source="intake", time=NOON, data=event)
            await producer.send_and_wait(
                topic,
                event.model_dump_json().encode(),
                key=event.subject.encode(),
                headers=[(name, value.encode()) for name, value in to_headers(said).items()],
            )
            return said.id

        running = asyncio.create_task(consumption.run())
        yield publish
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def until(router: Rig, sql: str, expected: object) -> None:
    """Wait until a question to the database has the expected answer."""
    answer = None
    for _ in range(400):
        answer = await router.database.fetchval(sql)
        if answer == expected:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{sql} answered {answer}, not {expected}")


async def test_a_repeated_event_is_decided_on_once(router: Rig, say: Say) -> None:
    request = router.submitted(TWO_NEEDS)
    event_id = await say(request)
    await say(request, event_id=event_id)
    await say(router.withdrawn(request.case_id))
    await until(router, "SELECT count(*) FROM router.inbox", 2)

    assert await router.database.fetchval("SELECT count(*) FROM router.decisions") == 1
    # Issued twice, announced once, recalled twice.
    assert await router.database.fetchval("SELECT count(*) FROM router.outbox") == 5
    assert await router.database.fetchval("SELECT count(*) FROM router.dead_letters") == 0


async def test_a_request_that_cannot_be_opened_is_put_aside_alone(router: Rig, say: Say) -> None:
    good, bad = router.submitted(TWO_NEEDS), router.submitted(TWO_NEEDS)
    await say(bad.model_copy(update={"sealed": good.sealed}))
    await say(good)
    await until(router, "SELECT count(*) FROM router.dead_letters", 1)
    await until(router, "SELECT count(*) FROM router.decisions", 1)

    row = await router.database.fetchrow("SELECT key, error FROM router.dead_letters")
    assert row is not None
    assert row["key"] == str(bad.case_id).encode()
    assert "CannotOpen" in row["error"]
    assert await router.database.fetchval("SELECT case_id FROM router.cases") == good.case_id


async def test_its_own_words_are_passed_over(router: Rig, say: Say) -> None:
    request = router.submitted(TWO_NEEDS)
    (own,) = [e.data for e in await router.hear(request) if isinstance(e.data, CaseRoutedV1)]
    await say(own)
    other = router.submitted(TWO_NEEDS)
    heard = await say(other)
    await until(router, "SELECT count(*) FROM router.decisions", 2)

    assert await router.database.fetchval("SELECT event_id FROM router.inbox") == heard
