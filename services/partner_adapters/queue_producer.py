"""The Kafka transport of `kafka_queue` partners: one producer, made anew when it fails."""

import asyncio
import contextlib
from collections.abc import Mapping

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from services.partner_adapters.partner_adapter import (
    OutcomeUnknown,
    PartnerNeedsAttention,
    PartnerRefused,
    PartnerUnavailable,
)

log = structlog.get_logger()

_RETRY = 1.0


class QueueProducer:
    """Writes messages acknowledged by every in-sync replica; `run()` until cancelled.

    Not idempotent on purpose: such a producer never times out and can end for good (aiokafka
    #1101, #1017), and the agency recognises a repetition anyway. One batch per partition is
    under way at a time, so the order of a referral's messages holds.
    """

    def __init__(self, *, kafka: str, timeout: float) -> None:
        self._kafka = kafka
        self._timeout = timeout
        self._producer: AIOKafkaProducer | None = None
        self._failed = asyncio.Event()
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Keep a producer connected."""
        while True:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._kafka,
                acks="all",
                enable_idempotence=False,
                linger_ms=2,
                request_timeout_ms=int(self._timeout * 1000),
                client_id="aiguillage-partner-queues",
            )
            try:
                async with asyncio.timeout(self._timeout):
                    await producer.start()
                self._producer = producer
                self._failed.clear()
                self.connected.set()
                await self._failed.wait()
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("queue_producer_not_started", cause=type(error).__name__)
                await asyncio.sleep(_RETRY)
            finally:
                self._producer = None
                self.connected.clear()
                # stop() flushes, and waits for ever when Kafka is down.
                with contextlib.suppress(TimeoutError, KafkaError):
                    async with asyncio.timeout(3):
                        await producer.stop()

    async def send(
        self, *, topic: str, key: bytes, value: bytes, headers: Mapping[str, str]
    ) -> None:
        """Write one message; see `Queue` for what is raised."""
        if self._producer is None:
            raise PartnerUnavailable("kafka_not_connected")
        pairs = [(name, text.encode()) for name, text in headers.items()]
        try:
            async with asyncio.timeout(self._timeout):
                await self._producer.send_and_wait(topic, value, key=key, headers=pairs)
        except MessageSizeTooLargeError as error:
            raise PartnerRefused("message_too_large") from error
        except (TopicAuthorizationFailedError, UnknownTopicOrPartitionError) as error:
            raise PartnerNeedsAttention("topic_not_writable") from error
        except KafkaConnectionError as error:
            self._failed.set()
            raise OutcomeUnknown("kafka_connection_lost") from error
        except (KafkaError, TimeoutError) as error:
            raise OutcomeUnknown("kafka_not_acknowledged") from error
