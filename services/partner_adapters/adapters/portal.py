"""`portal`: people at the agency work an inbox; delivering is putting it there."""

from collections.abc import Sequence
from typing import Protocol

from services.partner_adapters.partner_adapter import Delivery, Receipt


class Inbox(Protocol):
    """The transport: keeps what people at the agency see. Putting the same twice is once."""

    async def put(self, delivery: Delivery, *, partner_id: str) -> None:
        """Raises `PartnerUnavailable`."""
        ...


class PortalAdapter:
    """Puts into one agency's inbox."""

    def __init__(self, *, inbox: Inbox, partner_id: str) -> None:
        self._inbox = inbox
        self._partner_id = partner_id

    async def deliver(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        for delivery in deliveries:
            await self._inbox.put(delivery, partner_id=self._partner_id)
        return [Receipt() for _ in deliveries]

    async def close(self) -> None:
        """Its transport belongs to whoever handed it in."""
