"""Pause or resume a partner: what is due waits, nothing is lost, and who did it is kept."""

import structlog

from services.partner_adapters.partner_store import mark_paused
from shared.plumbing.clock import Clock
from shared.plumbing.database import Transaction

log = structlog.get_logger()


async def pause_partner(
    tx: Transaction, partner_id: str, *, paused: bool, account: str, clock: Clock
) -> bool:
    """Returns whether anything changed; doing it twice changes nothing."""
    changed = await mark_paused(tx, partner_id, paused=paused, account=account, now=clock.now())
    if changed:
        log.info("partner_pause_changed", partner_id=partner_id, paused=paused)
    return changed
