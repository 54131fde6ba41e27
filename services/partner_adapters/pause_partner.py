"""Pause or resume a partner: what is due waits, nothing is lost, and who did it is kept."""

import structlog

from services.partner_adapters.action_store import insert_action
from services.partner_adapters.partner_store import mark_paused
from shared.plumbing.clock import Clock
from shared.plumbing.database import Transaction

log = structlog.get_logger()


async def pause_partner(
    tx: Transaction, partner_id: str, *, paused: bool, account: str, clock: Clock
) -> bool:
    """Returns whether anything changed; doing it twice changes nothing."""
    now = clock.now()
    changed = await mark_paused(tx, partner_id, paused=paused, account=account, now=now)
    if changed:
        action = "paused" if paused else "resumed"
        await insert_action(tx, partner_id=partner_id, action=action, account=account, now=now)
        log.info("partner_pause_changed", partner_id=partner_id, paused=paused)
    return changed
