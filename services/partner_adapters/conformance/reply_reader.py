"""Reads what an agency writes on its reply topic while the kit runs, and commits nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from pydantic import ValidationError

from services.partner_adapters.conformance.hearing import Hearing
from services.partner_adapters.partner_adapter import PartnerStatus
from services.partner_adapters.status_message import StatusMessage


@dataclass(frozen=True)
class Reply:
    """One reply as it came; `status` is None when it could not be read."""

    key: bytes
    content_type: str
    status: PartnerStatus | None


@dataclass
class Replies:
    """All of them, in the order they came."""

    hearing: Hearing
    read: list[Reply] = field(default_factory=list)

    def take(self, record: ConsumerRecord[bytes, bytes]) -> None:
        headers = {name: bytes(value or b"").decode() for name, value in record.headers}
        status = None
        try:
            status = StatusMessage.model_validate_json(record.value or b"").as_status()
        except ValidationError:
            self.hearing.add([], unreadable=[repr((record.value or b"")[:200])])
        else:
            self.hearing.add([status])
        self.read.append(Reply(record.key or b"", headers.get("content-type", ""), status))


@asynccontextmanager
async def reading_replies(*, kafka: str, topic: str, hearing: Hearing) -> AsyncIterator[Replies]:
    """Read from now on; raises a `KafkaError` when Kafka cannot be reached."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="latest")
    replies = Replies(hearing)

    async def read() -> None:
        async for record in consumer:
            replies.take(record)

    try:
        await consumer.start()
        await consumer.seek_to_end()
        reading = asyncio.ensure_future(read())
        try:
            yield replies
        finally:
            reading.cancel()
    finally:
        await consumer.stop()
