"""What the two listeners of Kafka let through."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.infrastructure import KafkaAddresses

OWN, OTHER = "embedded-own", "embedded-other"
AGENCY, PASSWORD = "embedded-agency", "its-password"


@dataclass(frozen=True)
class Topics:
    internal: str
    agencies: str


@pytest.fixture(scope="module")
async def topics(kafka_addresses: KafkaAddresses) -> AsyncIterator[Topics]:
    """Two topics with one message each; the agency may read the first."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_addresses.internal)
    await admin.start()
    await admin.create_topics([NewTopic(OWN, 2, 1), NewTopic(OTHER, 2, 1)])
    await asyncio.to_thread(admit_agency, kafka_addresses.internal)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka_addresses.internal, acks="all", enable_idempotence=True
    ) as producer:
        for topic in (OWN, OTHER):
            await producer.send_and_wait(topic, topic.encode(), key=b"case")
    yield Topics(internal=kafka_addresses.internal, agencies=kafka_addresses.agencies)
    await admin.delete_topics([OWN, OTHER])
    await admin.close()


def admit_agency(address: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.alter_user_scram_credentials(
        [UserScramCredentialUpsertion(AGENCY, ScramMechanism.SCRAM_SHA_512, PASSWORD, 4096)]
    )
    prefixed = ACLResourcePatternType.PREFIXED
    admin.create_acls(
        [
            ACL(f"User:{AGENCY}", "*", ACLOperation.READ, ACLPermissionType.ALLOW, resource)
            for resource in (
                ResourcePattern(ResourceType.TOPIC, OWN),
                ResourcePattern(ResourceType.GROUP, f"{AGENCY}-", prefixed),
            )
        ]
    )
    admin.close()


def agency_consumer(
    topics: Topics, topic: str, group: str = f"{AGENCY}-group", password: str = PASSWORD
) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=topics.agencies,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=AGENCY,
        sasl_plain_password=password,
        group_id=group,
        auto_offset_reset="earliest",
    )


async def test_what_is_produced_is_consumed(topics: Topics) -> None:
    async with AIOKafkaConsumer(
        OTHER, bootstrap_servers=topics.internal, group_id="any", auto_offset_reset="earliest"
    ) as consumer:
        assert (await asyncio.wait_for(consumer.getone(), 20)).value == OTHER.encode()


async def test_an_agency_reads_its_own_topic(topics: Topics) -> None:
    async with agency_consumer(topics, OWN) as consumer:
        assert (await asyncio.wait_for(consumer.getone(), 20)).value == OWN.encode()


async def test_an_agency_cannot_read_another_topic(topics: Topics) -> None:
    consumer = agency_consumer(topics, OTHER)
    try:
        with pytest.raises(TopicAuthorizationFailedError):
            await consumer.start()
            await asyncio.wait_for(consumer.getone(), 20)
    finally:
        await consumer.stop()


async def test_an_agency_cannot_join_another_group(topics: Topics) -> None:
    consumer = agency_consumer(topics, OWN, group="someone-else")
    try:
        with pytest.raises(GroupAuthorizationFailedError):
            await consumer.start()
            await asyncio.wait_for(consumer.getone(), 20)
    finally:
        await consumer.stop()


async def test_a_wrong_password_does_not_get_in(topics: Topics) -> None:
    consumer = agency_consumer(topics, OWN, password="wrong")
    try:
        with pytest.raises(KafkaConnectionError):
            await consumer.start()
    finally:
        await consumer.stop()


async def test_a_topic_that_was_not_declared_is_not_made(topics: Topics) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=topics.internal)
    await admin.start()
    try:
        async with AIOKafkaProducer(
            bootstrap_servers=topics.internal, request_timeout_ms=2000
        ) as producer:
            with pytest.raises((UnknownTopicOrPartitionError, asyncio.TimeoutError)):
                await asyncio.wait_for(producer.send_and_wait("undeclared", b"x"), 2)
        assert "undeclared" not in await admin.list_topics()
    finally:
        await admin.close()
