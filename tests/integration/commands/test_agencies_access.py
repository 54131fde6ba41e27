"""An agency's account on the agencies' listener: its own queue, its own groups, its own replies."""

import asyncio
import secrets

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
)

from shared.contracts.topics import partner_queue_topic, partner_replies_topic
from shared.plumbing.agencies_access import grant_agencies_access
from shared.plumbing.topic_admin import KafkaUnavailable, create_topics
from tests.infrastructure import Infrastructure


@pytest.fixture(scope="module")
async def agency(infrastructure: Infrastructure) -> dict[str, str]:
    name = f"agency{secrets.token_hex(3)}"
    other = f"other{secrets.token_hex(3)}"
    passwords = {name: "first password", other: "another password"}
    await create_topics(
        infrastructure.kafka_internal,
        [
            topic(partner)
            for partner in (name, other)
            for topic in (partner_queue_topic, partner_replies_topic)
        ],
    )
    await asyncio.to_thread(grant_agencies_access, infrastructure.kafka_internal, passwords)
    # a second time, with another password: nothing is doubled, the new password holds
    passwords[name] = "second password"
    await asyncio.to_thread(grant_agencies_access, infrastructure.kafka_internal, passwords)
    found = {"name": name, "other": other, "password": passwords[name]}
    await until_known(infrastructure, found)
    return found


async def until_known(infrastructure: Infrastructure, agency: dict[str, str]) -> None:
    """A broker learns of a new password a moment after the controller has taken it."""
    async with asyncio.timeout(30):
        while True:
            producer = AIOKafkaProducer(**account(infrastructure, agency))
            try:
                await producer.start()
                return
            except KafkaConnectionError:
                await asyncio.sleep(0.1)
            finally:
                await producer.stop()


def account(infrastructure: Infrastructure, agency: dict[str, str]) -> dict[str, str]:
    return {
        "bootstrap_servers": infrastructure.kafka_agencies,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": agency["name"],
        "sasl_plain_password": agency["password"],
    }


async def test_an_agency_reads_its_queue_and_writes_its_replies(
    infrastructure: Infrastructure, agency: dict[str, str]
) -> None:
    queue = partner_queue_topic(agency["name"]).name
    replies = partner_replies_topic(agency["name"]).name
    async with AIOKafkaProducer(bootstrap_servers=infrastructure.kafka_internal) as ours:
        await ours.send_and_wait(queue, b"a letter")
    async with AIOKafkaConsumer(
        queue,
        group_id=f"{agency['name']}-office",
        auto_offset_reset="earliest",
        **account(infrastructure, agency),
    ) as consumer:
        letter = await asyncio.wait_for(consumer.getone(), 30)
    async with AIOKafkaProducer(**account(infrastructure, agency)) as producer:
        written = await producer.send_and_wait(replies, b"a reply")
    assert (letter.value, written.topic) == (b"a letter", replies)


async def test_an_agency_cannot_write_to_another_ones_replies(
    infrastructure: Infrastructure, agency: dict[str, str]
) -> None:
    async with AIOKafkaProducer(**account(infrastructure, agency)) as producer:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait(partner_replies_topic(agency["other"]).name, b"forged")


async def test_an_agency_cannot_join_a_group_of_ours(
    infrastructure: Infrastructure, agency: dict[str, str]
) -> None:
    consumer = AIOKafkaConsumer(
        partner_queue_topic(agency["name"]).name,
        group_id="partner_adapters",
        **account(infrastructure, agency),
    )
    try:
        with pytest.raises(GroupAuthorizationFailedError):
            await consumer.start()
            await asyncio.wait_for(consumer.getone(), 30)
    finally:
        await consumer.stop()


def test_a_kafka_that_does_not_answer_is_told_apart_from_a_refusal() -> None:
    with pytest.raises(KafkaUnavailable):
        grant_agencies_access("127.0.0.1:9", {"casvp": "password"})
