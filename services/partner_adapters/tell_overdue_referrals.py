"""Show people what an agency has not acknowledged within the business days of its file."""

import structlog

from services.partner_adapters.business_days import business_days_before, end_of_business_day
from services.partner_adapters.deadline_store import list_unacknowledged
from services.partner_adapters.deadlines import tell_overdue
from services.partner_adapters.delivery_store import lock_referrals, mark_progress
from services.partner_adapters.partner_file import PartnerFile
from services.partner_adapters.record_deliveries import outgoing
from shared.plumbing.clock import Clock
from shared.plumbing.database import Transaction
from shared.plumbing.outbox import Outbox, OutgoingEvent

log = structlog.get_logger()


async def tell_overdue_referrals(
    tx: Transaction, *, partner: PartnerFile, outbox: Outbox, clock: Clock
) -> int:
    """Tell of at most 500, each once; returns how many."""
    if partner.deadline is None:
        return 0
    now, days = clock.now(), partner.deadline.acknowledge_business_days
    delivered_at = await list_unacknowledged(tx, partner.id, business_days_before(now, days))
    referrals = await lock_referrals(tx, delivered_at)
    told: list[OutgoingEvent] = []
    for referral_id, referral in referrals.items():
        deadline = end_of_business_day(delivered_at[referral_id], days)
        events = outgoing(referral, tell_overdue(referral, deadline=deadline, now=now))
        if events:
            log.warning(
                "referral_overdue_told", referral_id=str(referral_id), partner_id=partner.id
            )
        told += events
    await mark_progress(tx, referrals.values())
    await outbox.append(tx, told)
    return len(told)
