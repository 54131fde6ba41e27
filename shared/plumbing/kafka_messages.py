"""Kafka messages as we take them in: every byte kept, whatever the headers hold."""

import base64
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from aiokafka import ConsumerRecord

from shared.contracts.cloudevents import CloudEvent, from_message
from shared.plumbing.dead_letters import DeadLetter

Record: TypeAlias = "ConsumerRecord[bytes, bytes]"


@dataclass(frozen=True)
class RawMessage:
    """A Kafka message as it came; headers that are null or not UTF-8 are left out."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Mapping[str, str]
    value: bytes


def decode_event(message: RawMessage) -> CloudEvent:
    """Read one of our own events; raises `MalformedEvent`."""
    return from_message(message.headers, message.value)


def dead_letter(record: Record, *, consumer: str, error: str) -> DeadLetter:
    """A message that could not be handled, as it is kept."""
    return DeadLetter(
        consumer=consumer,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        headers=[(_readable(name.encode()), _readable(value)) for name, value in record.headers],
        value=record.value,
        error=error[:1000],
    )


async def parse_without_headers(records: Any, parse: Any) -> Any:
    """Let FastStream parse one record as if it had no headers, then give all of ours back."""
    message = await parse((dataclasses.replace(records[0], headers=()),))
    message.raw_message = records
    return message


async def decode_as_it_came(message: Any, _decode: Any) -> Any:
    """Leave decoding to us."""
    return message.raw_message


def raw_message(record: Record) -> RawMessage:
    """The message with the headers that can be read."""
    headers: dict[str, str] = {}
    for name, value in record.headers:
        if value is None:
            continue
        try:
            headers[name] = value.decode()
        except UnicodeDecodeError:
            continue
    return RawMessage(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        headers=headers,
        value=record.value or b"",
    )


def _readable(value: bytes | None) -> str | None:
    """A text that jsonb can hold."""
    if value is None:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(value).decode()
    return text.replace("\x00", "\ufffd")
