"""A person has one delivery tried again now, instead of later or never."""

from collections.abc import Mapping
from uuid import UUID

import structlog

from services.partner_adapters.action_store import insert_action
from services.partner_adapters.decisions_by_hand import CAN_BE_SENT_AGAIN, send_again
from services.partner_adapters.delivery_store import lock_delivery, mark_progress
from services.partner_adapters.partner_store import mark_retried
from services.partner_adapters.record_deliveries import outgoing
from services.partner_adapters.referral_progress import DeliveryRules
from shared.plumbing.clock import Clock
from shared.plumbing.database import Transaction
from shared.plumbing.outbox import Outbox
from shared.plumbing.problem_details import Problem

log = structlog.get_logger()


async def retry_delivery(
    tx: Transaction,
    delivery_id: UUID,
    *,
    rules: Mapping[str, DeliveryRules],
    account: str,
    outbox: Outbox,
    clock: Clock,
) -> UUID:
    """Make it due now; returns its referral's id. A parked one starts its schedule anew.

    Raises `Problem` 404, and 409 for what is finished, being sent, or must be decided first.
    """
    now = clock.now()
    found = await lock_delivery(tx, delivery_id)
    if found is None or found[0].partner_id not in rules:
        raise Problem(404)
    referral, delivery = found
    if delivery.state not in CAN_BE_SENT_AGAIN:
        raise _not_now(delivery.state)
    was = delivery.state.value
    events = send_again(referral, delivery, rules=rules[referral.partner_id], by=account, now=now)
    await mark_progress(tx, [referral])
    await mark_retried(tx, referral.partner_id, now=now)
    await outbox.append(tx, outgoing(referral, events))
    await insert_action(
        tx,
        partner_id=referral.partner_id,
        action="retried",
        account=account,
        now=now,
        referral_id=referral.referral_id,
        details={"delivery_id": str(delivery_id), "was": was},
    )
    log.info("delivery_retried_by_hand", referral_id=str(referral.referral_id), was=was)
    return referral.referral_id


_WHY = {
    "uncertain": "Décidez d’abord si l’administration l’a reçu.",
    "sending": "L’envoi est en cours.",
    "delivered": "C’est déjà remis.",
    "cancelled": "C’est annulé.",
}


def _not_now(state: str) -> Problem:
    return Problem(
        409,
        "Cet envoi ne peut pas être relancé.",
        code="delivery-not-to-be-retried",
        detail=_WHY[state],
    )
