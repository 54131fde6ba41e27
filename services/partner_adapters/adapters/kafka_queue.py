"""`kafka_queue`: the agency consumes its own topic and answers on another.

What it reads is encrypted to its public key (JWE, ECDH-ES+A256KW with A256GCM): whoever else
can read the topic reads nothing. A send that is not acknowledged in time is unknown and sent
again: the agency recognises a delivery by `ce_id`.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from joserfc import jwe
from joserfc.jwk import ECKey

from services.partner_adapters.partner_adapter import Delivery, Receipt
from shared.plumbing.clock import Clock

_PROTECTED = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "cty": "json"}
_ALGORITHMS = ["ECDH-ES+A256KW", "A256GCM"]


class Queue(Protocol):
    """The transport: writes one message and waits, not for ever, until it is acknowledged."""

    async def send(
        self, *, topic: str, key: bytes, value: bytes, headers: Mapping[str, str]
    ) -> None:
        """Raises `PartnerUnavailable` if it was not sent, `OutcomeUnknown` if it perhaps was."""
        ...


class KafkaQueueAdapter:
    """Writes to one agency's topic."""

    def __init__(self, *, queue: Queue, topic: str, public_key: str, clock: Clock) -> None:
        self._queue = queue
        self._topic = topic
        self._key = read_public_key(public_key)
        self._clock = clock

    async def deliver(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        receipts = []
        for delivery in deliveries:
            await self._queue.send(
                topic=self._topic,
                key=str(delivery.referral_id).encode(),
                value=encrypted(
                    {"referral_id": str(delivery.referral_id), **delivery.body}, self._key
                ),
                headers=_headers(delivery, at=self._clock.now()),
            )
            receipts.append(Receipt(answer="acknowledged by the broker"))
        return receipts

    async def close(self) -> None:
        """Its transport belongs to whoever handed it in."""


def read_public_key(text: str) -> ECKey:
    """Read a JWK; raises ValueError, which does not quote it."""
    try:
        return ECKey.import_key(json.loads(text))
    except Exception:  # noqa: BLE001 - the library raises many kinds, all mean the same
        raise ValueError("the agency's public key is not an EC key in JWK form") from None


def encrypted(body: Mapping[str, Any], key: ECKey) -> bytes:
    """The body as JWE in compact form."""
    plain = json.dumps(body, ensure_ascii=False).encode()
    return jwe.encrypt_compact(_PROTECTED, plain, key, algorithms=_ALGORITHMS).encode()


def _headers(delivery: Delivery, *, at: datetime) -> dict[str, str]:
    return {
        "ce_specversion": "1.0",
        "ce_id": str(delivery.delivery_id),
        "ce_type": f"aiguillage.{delivery.what}",
        "ce_source": "/aiguillage/partner_adapters",
        "ce_time": at.isoformat(),
        "ce_subject": str(delivery.referral_id),
        "content-type": "application/jose",
        **delivery.trace,
    }
