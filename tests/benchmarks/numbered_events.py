"""Events as large as real ones, numbered, and the check that each came out once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.contracts.cloudevents import CloudEvent, to_headers
from shared.contracts.events import ConsentGiven, RequestSubmittedV1, derive_id
from shared.plumbing.outbox import OutgoingEvent
from tests.benchmarks.measure import MessagesLost

_NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_SEALED = "k1." + "A" * 700
"""As long as the ciphertext of a request of 300 characters with its visitor."""
_EVENTS_PER_CASE = 4


def numbered_event(number: int) -> CloudEvent:
    """The event of this number, always the same; four in a row share their case."""
    data = RequestSubmittedV1(
        case_id=derive_id("bench case", number // _EVENTS_PER_CASE),
        reference=f"{number:08d}",
        channel="kiosk",
        site_id="pimms-paris-19",
        station_id="pimms-borne-1",
        language="fr",
        taken_at=_NOW,
        received_at=_NOW,
        consent=ConsentGiven(
            text_version="2026-01", given_at=_NOW, given_by="visitor", scope="concerned"
        ),
        sealed=_SEALED,
    )
    return CloudEvent(id=derive_id("bench", number), source="intake", time=_NOW, data=data)


def as_outgoing(event: CloudEvent, *, topic: str) -> OutgoingEvent:
    return OutgoingEvent(topic=topic, event_id=event.id, data=event.data, trace=event.trace)


def as_message(event: CloudEvent) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """Key, value and headers, as the relay would send them."""
    headers = [(name, value.encode()) for name, value in to_headers(event).items()]
    return event.data.subject.encode(), event.data.model_dump_json().encode(), headers


def idempotent_producer(kafka: str) -> AIOKafkaProducer:
    """With the settings of the outbox relay's own."""
    return AIOKafkaProducer(
        bootstrap_servers=kafka,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        linger_ms=2,
        max_request_size=2 * 1024 * 1024,
    )


async def fill_topic(kafka: str, topic: str, events: Sequence[CloudEvent]) -> None:
    """Produce the events in their order."""
    async with idempotent_producer(kafka) as producer:
        for event in events:
            key, value, headers = as_message(event)
            last = await producer.send(topic, value, key=key, headers=headers)
        await producer.flush()
        await last


async def read_topic(kafka: str, topic: str, *, count: int) -> list[tuple[str, UUID]]:
    """Key and event id of all there is on a topic, in order per key; at least `count`.

    Raises `MessagesLost` when fewer come.
    """
    found: list[tuple[str, UUID]] = []
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    async with consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        total = sum(ends.values())
        if total < count:
            raise MessagesLost(f"{count - total} of {count} messages never reached {topic}")
        while len(found) < total:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                found += [(record.key.decode(), event_id_of(record.headers)) for record in records]
    return found


def event_id_of(headers: Iterable[tuple[str, bytes]]) -> UUID:
    return UUID(next(value for name, value in headers if name == "ce_id").decode())


def refuse_loss(found: Iterable[UUID], events: Iterable[CloudEvent]) -> None:
    """Raise `MessagesLost` unless each event was found once."""
    counted, expected = Counter(found), {event.id for event in events}
    lost = len(expected - counted.keys())
    doubled = sum(count - 1 for count in counted.values())
    strange = len(counted.keys() - expected)
    if lost or doubled or strange:
        raise MessagesLost(
            f"of {len(expected)} messages {lost} were lost, {doubled} doubled, {strange} unknown"
        )
