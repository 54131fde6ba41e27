"""One status put on the portal by a person's click."""

import asyncio

from services.partner_simulators.faults import FaultPanel
from services.partner_simulators.office import StatusMessage
from services.partner_simulators.outgoing import TryAgain
from services.partner_simulators.portal_session import PortalSession


class PortalClicks:
    """Clicks for one agency's people, as fast as the fault panel lets them."""

    def __init__(self, *, session: PortalSession, faults: FaultPanel) -> None:
        self._session = session
        self._faults = faults

    async def send(self, status: StatusMessage) -> None:
        """Put one status on the portal; the same status again has the same key.

        Raises TryAgain or GiveUp.
        """
        await hold_up_if_ordered(self._faults)
        await self._session.post(
            f"/{status['referral_id']}/status",
            content={name: status[name] for name in ("status", "reason", "message")},
            idempotency_key=status["id"],
        )


async def hold_up_if_ordered(faults: FaultPanel) -> None:
    """Let the fault panel stop (TryAgain) or slow down whoever works here."""
    fault = faults.current
    if fault is not None and fault.kind == "down":
        raise TryAgain("nobody_at_work")
    if fault is not None and fault.kind == "slow":
        await asyncio.sleep(1.0 if fault.seconds is None else fault.seconds)
