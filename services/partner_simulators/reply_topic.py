"""The topic an agency answers on: a producer that is made anew whenever it fails."""

import asyncio
import json
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.partner_simulators.kafka_account import KafkaAccount
from services.partner_simulators.office import StatusMessage
from services.partner_simulators.outgoing import TryAgain

SECONDS_TO_SEND = 10


Reply = tuple[str, bytes]
"""A referral id and what is said about it, as bytes: a status message, or anything at all."""


def written_out(message: StatusMessage) -> bytes:
    """A status message as it goes over the wire."""
    return json.dumps(message, ensure_ascii=False).encode()


class ReplyTopic:
    """Writes status messages, keyed by referral id."""

    def __init__(self, *, topic: str, account: KafkaAccount) -> None:
        self._topic = topic
        self._account = account
        self._producer: AIOKafkaProducer | None = None
        self._turn = asyncio.Lock()

    async def send(self, message: StatusMessage) -> None:
        """Write one status message. Raises TryAgain when it is not certain that it arrived."""
        await self._write(message["referral_id"], written_out(message))

    async def send_all(self, replies: Iterable[Reply]) -> None:
        """Write many at once, in no promised order; raises TryAgain unless all arrived."""
        outcomes = await asyncio.gather(
            *(self._write(referral_id, value) for referral_id, value in replies),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _write(self, referral_id: str, value: bytes) -> None:
        producer: AIOKafkaProducer | None = None
        try:
            # aiokafka's idempotent producer never times out by itself when Kafka is gone
            async with asyncio.timeout(SECONDS_TO_SEND):
                producer = await self._started()
                await producer.send_and_wait(
                    self._topic,
                    value,
                    key=referral_id.encode(),
                    headers=[("content-type", b"application/json")],
                )
        except (KafkaError, OSError, TimeoutError) as error:
            await self._discard(producer)
            raise TryAgain(type(error).__name__) from error

    async def close(self) -> None:
        """Let go of the connection."""
        await self._discard(self._producer)

    async def _started(self) -> AIOKafkaProducer:
        async with self._turn:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    acks="all", enable_idempotence=True, **self._account.settings()
                )
                try:
                    await producer.start()
                except BaseException:
                    await _stop(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _discard(self, producer: AIOKafkaProducer | None) -> None:
        if producer is None:
            return
        async with self._turn:
            if self._producer is not producer:
                return  # somebody else already has a new one
            self._producer = None
            await _stop(producer)


async def _stop(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(2):
            await producer.stop()
    except (KafkaError, OSError, TimeoutError):
        return  # it is thrown away in any case
