"""A person, having asked the agency, says whether it received what nobody was sure of."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from services.partner_adapters.action_store import insert_action
from services.partner_adapters.decisions_by_hand import decide_uncertain
from services.partner_adapters.delivery_store import lock_delivery, mark_progress
from services.partner_adapters.record_deliveries import outgoing
from shared.contracts.delivery_state import DeliveryState
from shared.plumbing.clock import Clock
from shared.plumbing.database import Transaction
from shared.plumbing.outbox import Outbox
from shared.plumbing.problem_details import Problem

log = structlog.get_logger()


@dataclass(frozen=True)
class UncertainDecision:
    """`partner_reference`: the agency's own, when it gave one."""

    was_received: bool
    partner_reference: str | None = None


async def decide_uncertain_delivery(
    tx: Transaction,
    delivery_id: UUID,
    decision: UncertainDecision,
    *,
    account: str,
    outbox: Outbox,
    clock: Clock,
) -> UUID:
    """Received: it is delivered. Not received: it is due again. Returns its referral's id.

    Raises `Problem` 404, and 409 when it is uncertain no more: somebody else, or the agency's own
    word, may have settled it.
    """
    now = clock.now()
    found = await lock_delivery(tx, delivery_id)
    if found is None:
        raise Problem(404)
    referral, delivery = found
    if delivery.state is not DeliveryState.UNCERTAIN:
        raise Problem(409, "Cet envoi n’est plus incertain.", code="delivery-not-uncertain")
    events = decide_uncertain(
        referral,
        delivery,
        was_received=decision.was_received,
        partner_reference=decision.partner_reference,
        by=account,
        now=now,
    )
    await mark_progress(tx, [referral])
    await outbox.append(tx, outgoing(referral, events))
    await insert_action(
        tx,
        partner_id=referral.partner_id,
        action="decided",
        account=account,
        now=now,
        referral_id=referral.referral_id,
        details={"delivery_id": str(delivery_id), "was_received": decision.was_received},
    )
    log.info(
        "uncertain_delivery_decided",
        referral_id=str(referral.referral_id),
        was_received=decision.was_received,
    )
    return referral.referral_id
