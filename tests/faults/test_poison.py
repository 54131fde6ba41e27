"""Messages nobody can read, on every topic: kept with their reason, and nothing stops for them."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.contracts.topics import (
    CASE_REQUESTS,
    CASE_UPDATES,
    PARTNER_DIRECTORY,
    Topic,
    all_topics,
)
from tests.end_to_end.agencies import ALL, Agencies
from tests.end_to_end.counter import PATIENCE, Case, Counter, referral_of, steps, told
from tests.end_to_end.running_system import System

TOPICS = all_topics(partner_ids=ALL, queue_partner_ids=["casvp"])
OF_EVENTS = [topic for topic in TOPICS if topic.carries]
REPLIES, QUEUE = "partner-replies-casvp", "partner-queue-casvp"
GROUPS = {
    **{topic.name: topic.read_by for topic in OF_EVENTS},
    REPLIES: ("partner_adapters-replies",),
}
"""Who must bury what it cannot read; a group's name begins with its schema's."""

Headers = list[tuple[str, bytes | None]]
STRANGE_HEADERS: Headers = [
    ("x-null", None),
    ("x-latin", "é".encode("latin-1")),
    ("traceparent", b"\xff\xfe"),
    ("", b""),
]


@dataclass(frozen=True)
class Poison:
    """A message that cannot be handled, and what its dead letter must say."""

    name: str
    headers: Headers
    value: bytes | None
    because: str
    key: bytes | None = b"poison"


@dataclass(frozen=True)
class Buried:
    """Where a poison lies."""

    poison: Poison
    partition: int
    offset: int


def now() -> str:
    return datetime.now(UTC).isoformat()


def event_headers(event_type: str, subject: str) -> Headers:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(uuid.uuid4()).encode()),
        ("ce_type", event_type.encode()),
        ("ce_source", b"/aiguillage/test"),
        ("ce_time", now().encode()),
        ("ce_subject", subject.encode()),
        ("content-type", b"application/json"),
    ]


def poisons_for(topic: Topic) -> list[Poison]:
    """Every sort of bad message for a topic of ours."""
    known, subject = topic.carries[0], str(uuid.uuid4())

    def typed(event_type: str) -> Headers:
        return event_headers(event_type, subject)

    unparsable = f"{known} does not parse"
    return [
        Poison("bytes", [], b"\x00\xff\xfe{]garbage", "header ce_specversion"),
        Poison("key not UTF-8", [], b"{}", "header ce_specversion", key=b"\xff\xfe"),
        Poison("nothing at all", [], None, "header ce_specversion"),
        Poison("null headers", [(n, None) for n, _ in typed(known)], b"{}", "ce_specversion"),
        Poison(
            "headers not UTF-8",
            [*[h for h in typed(known) if h[0] != "ce_type"], ("ce_type", b"\xc3\x28")],
            b"{}",
            "unknown event type or version ''",
        ),
        Poison("unknown type", typed("request.sung.v1"), b"{}", "'request.sung.v1'"),
        Poison("unknown version", typed(known[:-1] + "99"), b"{}", f"'{known[:-1]}99'"),
        Poison("no id", [h for h in typed(known) if h[0] != "ce_id"], b"{}", "ce_id is no UUID"),
        Poison("null value", typed(known), None, unparsable),
        Poison("value not UTF-8", typed(known), b'{"case_id":"\xff"}', unparsable),
        Poison("empty object", typed(known), b"{}", unparsable),
        Poison("list", typed(known), b"[1]", unparsable),
        Poison("too deep", typed(known), b"[" * 50_000, unparsable),
    ]


def poison_replies() -> list[Poison]:
    """Bad messages an agency may write on its reply topic."""
    foreign = str(uuid.uuid4())
    status = {"id": "evt-1", "referral_id": foreign, "status": "accuse", "at": now()}
    unparsable = "the reply does not parse"
    return [
        Poison("no key", [], b"{}", unparsable, key=None),
        Poison("bytes", STRANGE_HEADERS, b"\x00\xff\xfe{]garbage", unparsable),
        Poison("nothing at all", [], None, unparsable),
        Poison("too deep", [], b"[" * 50_000, unparsable),
        Poison("empty object", [], b"{}", unparsable),
        Poison("no zone", [], json.dumps({**status, "at": "2026-01-01T00:00:00"}).encode(), "at:"),
        Poison("NUL in its word", [], json.dumps({**status, "status": "a\0"}).encode(), "status:"),
        Poison("other key", [], json.dumps(status).encode(), "the key is not", key=b"other"),
        Poison("key not UTF-8", [], json.dumps(status).encode(), "the key is not", key=b"\xff"),
        Poison(
            "unknown referral", [], json.dumps(status).encode(), "ForeignReply", foreign.encode()
        ),
    ]


@pytest.fixture(scope="module")
async def producer(system: System) -> AsyncIterator[AIOKafkaProducer]:
    found = AIOKafkaProducer(bootstrap_servers=system.addresses["kafka"], acks="all")
    await found.start()
    yield found
    await found.stop()


async def write(producer: AIOKafkaProducer, topic: str, poisons: Sequence[Poison]) -> list[Buried]:
    """Every poison on every partition, so that whatever comes next is behind one of each."""
    partitions = sorted(await producer.partitions_for(topic))
    sent = [
        (
            poison,
            await producer.send(
                topic, poison.value, key=poison.key, partition=partition, headers=poison.headers
            ),
        )
        for partition in partitions
        for poison in poisons
    ]
    metadata = [(poison, await future) for poison, future in sent]
    return [Buried(poison, found.partition, found.offset) for poison, found in metadata]


async def until_buried(
    database: asyncpg.Connection, topic: str, group: str, buried: Sequence[Buried]
) -> dict[tuple[int, int], Any]:
    """The dead letters of a group on a topic by place, once all of these are there.

    What lies before the first of them in its partition is another test's.
    """
    schema = group.removesuffix("-replies")
    places = {(each.partition, each.offset) for each in buried}
    first = dict(sorted(places, reverse=True))
    found: dict[tuple[int, int], Any] = {}
    async with asyncio.timeout(PATIENCE):
        while not places <= found.keys():
            rows = await database.fetch(
                f'SELECT partition, "offset", error, value, key FROM {schema}.dead_letters '
                "WHERE topic = $1 AND consumer = $2",
                topic,
                group,
            )
            found = {
                (row["partition"], row["offset"]): row
                for row in rows
                if row["offset"] >= first.get(row["partition"], 0)
            }
            await asyncio.sleep(0.1)
    return found


async def check_dead_letters(
    database: asyncpg.Connection, topic: str, buried: Sequence[Buried]
) -> None:
    for group in GROUPS[topic]:
        found = await until_buried(database, topic, group, buried)
        for each in buried:
            letter = found[each.partition, each.offset]
            assert each.poison.because in letter["error"], (group, each.poison.name)
            assert letter["value"] == each.poison.value, each.poison.name
            assert letter["key"] == each.poison.key, each.poison.name
        assert len(found) == len(buried), f"{group} buried more than the poison on {topic}"


def good_event(topic: str, case: Case, partner_id: str) -> tuple[Headers, bytes]:
    """An event of ours about this very case, as its writer would say it."""
    case_id = case["case_id"]
    about = {
        "case_id": case_id,
        "referral_id": referral_of(case, partner_id)["referral_id"],
        "partner_id": partner_id,
    }
    if topic == CASE_REQUESTS.name:
        event_type = "request.withdrawn.v1"
        data: dict[str, Any] = {
            "case_id": case_id, "withdrawn_at": now(), "withdrawn_by": "agent-7",
        }  # fmt: skip
    elif topic == CASE_UPDATES.name:
        event_type = "referral.delivery_uncertain.v1"
        data = {**about, "number": 50, "at": now(), "attempt": 1, "reason": "test"}
    else:
        event_type = "referral.recalled.v1"
        data = {**about, "recalled_at": now(), "because": "withdrawn"}
    return event_headers(event_type, case_id) + STRANGE_HEADERS, json.dumps(data).encode()


def has_arrived(topic: str, case: Case, partner_id: str) -> bool:
    if topic == CASE_UPDATES.name:
        return bool(told(case, "referral.delivery_uncertain", partner_id))
    return "withdrawn" in steps(case, partner_id)


@pytest.mark.parametrize(
    "topic", [t for t in OF_EVENTS if t is not PARTNER_DIRECTORY], ids=lambda topic: topic.name
)
async def test_poison_is_kept_with_its_reason_and_good_events_go_on(
    counter: Counter,
    agencies: Agencies,
    producer: AIOKafkaProducer,
    database: asyncpg.Connection,
    topic: Topic,
) -> None:
    is_referrals = topic.name.startswith("referrals-")
    partner_id = topic.name.removeprefix("referrals-") if is_referrals else "sncf"
    async with agencies.behaving([partner_id], statuses=False):
        receipt = await counter.submit("Une question", to=[partner_id])
        case = await counter.until_delivered(receipt.case_id)

        buried = await write(producer, topic.name, poisons_for(topic))
        headers, value = good_event(topic.name, case, partner_id)
        await producer.send_and_wait(
            topic.name, value, key=receipt.case_id.encode(), headers=headers
        )
        await counter.until(receipt.case_id, lambda case: has_arrived(topic.name, case, partner_id))
    await check_dead_letters(database, topic.name, buried)


async def test_poison_in_the_partner_directory_hides_no_partner(
    system: System, producer: AIOKafkaProducer, database: asyncpg.Connection
) -> None:
    topic = PARTNER_DIRECTORY.name
    described = await last_message(system, topic, key=b"caf")
    buried = await write(producer, topic, poisons_for(PARTNER_DIRECTORY))
    headers = event_headers("partner.described.v1", "caf")
    said_again = {**json.loads(described), "described_at": now()}
    await producer.send_and_wait(
        topic, json.dumps(said_again).encode(), key=b"caf", headers=headers + STRANGE_HEADERS
    )
    event_id = uuid.UUID(dict(headers)["ce_id"].decode())  # type: ignore[union-attr]
    async with asyncio.timeout(PATIENCE):
        for group in GROUPS[topic]:
            seen = f"SELECT count(*) FROM {group}.inbox WHERE event_id = $1"
            while await database.fetchval(seen, event_id) != 1:
                await asyncio.sleep(0.1)
    await check_dead_letters(database, topic, buried)


async def test_poison_among_an_agency_s_replies_stops_no_other_reply(
    counter: Counter,
    agencies: Agencies,
    producer: AIOKafkaProducer,
    database: asyncpg.Connection,
) -> None:
    async with agencies.behaving(["casvp"], statuses=False):
        receipt = await counter.submit("Une question", to=["casvp"])
        case = await counter.until_delivered(receipt.case_id)
        referral_id = referral_of(case, "casvp")["referral_id"]
        # The foreign reply has the same id everywhere: only its first copy is a new message.
        bad = poison_replies()
        everywhere, once = bad[:-1], bad[-1:]
        buried = await write(producer, REPLIES, everywhere)
        foreign = await producer.send_and_wait(
            REPLIES, once[0].value, key=once[0].key, headers=once[0].headers
        )
        buried.append(Buried(once[0], foreign.partition, foreign.offset))
        for word in ("accuse", "mot inconnu"):
            status = {
                "id": f"evt-{uuid.uuid4()}",
                "referral_id": referral_id,
                "status": word,
                "at": now(),
            }
            await producer.send_and_wait(
                REPLIES,
                json.dumps(status).encode(),
                key=referral_id.encode(),
                headers=STRANGE_HEADERS,
            )
        case = await counter.until(
            receipt.case_id, lambda case: bool(told(case, "referral.message_received", "casvp"))
        )
    assert steps(case, "casvp") == ["acknowledged"]
    assert referral_of(case, "casvp")["needs_person"] is True  # nobody guesses a word
    await check_dead_letters(database, REPLIES, buried)


async def test_poison_in_an_agency_s_queue_keeps_no_referral_from_it(
    counter: Counter, producer: AIOKafkaProducer
) -> None:
    bad = [
        Poison("bytes", STRANGE_HEADERS, b"\x00\xff\xfe{]garbage", ""),
        Poison("nothing", [], None, ""),
    ]
    await write(producer, QUEUE, bad)
    receipt = await counter.submit("Une question", to=["casvp"])
    case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")
    assert steps(case, "casvp") == ["acknowledged", "in_progress", "resolved"]


async def last_message(system: System, topic: str, *, key: bytes) -> bytes:
    """The value that a compacted topic keeps for a key."""
    consumer = AIOKafkaConsumer(bootstrap_servers=system.addresses["kafka"])
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        ends = await consumer.end_offsets([partition])
        found = b""
        while await consumer.position(partition) < ends[partition]:
            record = await consumer.getone()
            found = record.value if record.key == key and record.value else found
        return found
    finally:
        await consumer.stop()
