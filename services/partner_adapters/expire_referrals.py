"""Referrals that were not finished in the time the partner's file gives have expired."""

from datetime import timedelta

import structlog

from services.partner_adapters.deadline_store import list_issued_before
from services.partner_adapters.deadlines import expire
from services.partner_adapters.delivery_store import lock_referrals, mark_progress
from services.partner_adapters.partner_file import PartnerFile
from services.partner_adapters.record_deliveries import outgoing
from shared.plumbing.clock import Clock
from shared.plumbing.database import Transaction
from shared.plumbing.outbox import Outbox, OutgoingEvent

log = structlog.get_logger()


async def expire_referrals(
    tx: Transaction, *, partner: PartnerFile, outbox: Outbox, clock: Clock
) -> int:
    """Let at most 500 expire; returns how many did."""
    if partner.expiry is None:
        return 0
    now = clock.now()
    issued_before = now - timedelta(days=partner.expiry.days)
    ids = await list_issued_before(tx, partner.id, issued_before)
    referrals = await lock_referrals(tx, ids)
    told: list[OutgoingEvent] = []
    for referral_id, referral in referrals.items():
        events = outgoing(referral, expire(referral, now=now))
        if events:
            log.warning("referral_expired", referral_id=str(referral_id), partner_id=partner.id)
        told += events
    await mark_progress(tx, referrals.values())
    await outbox.append(tx, told)
    return len(told)
