"""A person has everything that waits for a partner tried again now."""

import structlog

from services.partner_adapters.action_store import insert_action
from services.partner_adapters.claim_store import mark_due_now
from services.partner_adapters.partner_store import mark_retried
from services.partner_adapters.referral_progress import DeliveryRules
from shared.plumbing.clock import Clock
from shared.plumbing.database import Transaction

log = structlog.get_logger()


async def retry_partner(
    tx: Transaction, partner_id: str, *, rules: DeliveryRules, account: str, clock: Clock
) -> int:
    """Returns how many deliveries were brought forward; twice does no harm.

    A breaker that is open lets one call through at once, and the rest if that goes well.
    """
    now = clock.now()
    count = await mark_due_now(tx, partner_id=partner_id, now=now, rest=rules.rest_after_sending)
    await mark_retried(tx, partner_id, now=now)
    await insert_action(
        tx,
        partner_id=partner_id,
        action="retried",
        account=account,
        now=now,
        details={"count": count},
    )
    log.info("partner_retried_by_hand", partner_id=partner_id, count=count)
    return count
