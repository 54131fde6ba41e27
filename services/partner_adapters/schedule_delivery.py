"""Accept what the router says of a referral: it is issued, answered, or recalled."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog

from services.partner_adapters.delivery_store import (
    NewDelivery,
    insert_deliveries,
    insert_referrals,
    lock_referrals,
    mark_progress,
)
from services.partner_adapters.record_deliveries import outgoing
from services.partner_adapters.referral_progress import (
    DeliveryProgress,
    ReferralProgress,
    recall,
)
from shared.contracts.cloudevents import CloudEvent
from shared.contracts.delivery_state import DeliveryState
from shared.contracts.events import (
    ReferralAnswerGivenV1,
    ReferralIssuedV1,
    ReferralRecalledV1,
    derive_id,
)
from shared.contracts.referral_status import is_final
from shared.plumbing.clock import Clock
from shared.plumbing.database import Transaction
from shared.plumbing.outbox import Outbox, OutgoingEvent

log = structlog.get_logger()


class UnknownReferral(Exception):
    """A referral is answered or recalled that was never issued here; says its id."""


async def schedule_delivery(
    tx: Transaction,
    events: Sequence[CloudEvent],
    *,
    outbox: Outbox,
    clock: Clock,
    wake: Callable[[str], None],
) -> None:
    """Store what is to be handed over, due now; `wake` is called per partner after commit.

    Raises `UnknownReferral`, which buries that one event as a dead letter.
    """
    issued = [
        (event.data, event.trace) for event in events if isinstance(event.data, ReferralIssuedV1)
    ]
    if issued:
        new = await insert_referrals(tx, issued)
        deliveries = [_main_delivery(event) for event, _ in issued if event.referral_id in new]
        await insert_deliveries(tx, deliveries, now=clock.now())
    later = [
        event.data
        for event in events
        if isinstance(event.data, ReferralAnswerGivenV1 | ReferralRecalledV1)
    ]
    if later:
        await _answer_and_recall(tx, later, outbox=outbox, clock=clock)
    for partner_id in {getattr(event.data, "partner_id", "") for event in events}:
        tx.after_commit(partial(wake, partner_id))


def _main_delivery(event: ReferralIssuedV1) -> NewDelivery:
    return NewDelivery(
        delivery_id=derive_id("delivery", event.referral_id),
        referral_id=event.referral_id,
        partner_id=event.partner_id,
        what="referral",
        position=1,
        happened_at=event.issued_at,
    )


async def _answer_and_recall(
    tx: Transaction,
    events: Sequence[ReferralAnswerGivenV1 | ReferralRecalledV1],
    *,
    outbox: Outbox,
    clock: Clock,
) -> None:
    now = clock.now()
    referrals = await lock_referrals(tx, [event.referral_id for event in events])
    new: list[NewDelivery] = []
    said: list[OutgoingEvent] = []
    for event in events:
        referral = _find(referrals, event.referral_id, event.partner_id)
        if isinstance(event, ReferralAnswerGivenV1):
            new += _answer(referral, event, now=now)
            continue
        withdrawal_id = derive_id("withdrawal", event.referral_id)
        updates, withdrawal = recall(
            referral, withdrawal_id=withdrawal_id, at=event.recalled_at, now=now
        )
        said += outgoing(referral, updates)
        if withdrawal is not None:
            new.append(
                NewDelivery(
                    delivery_id=withdrawal.delivery_id,
                    referral_id=referral.referral_id,
                    partner_id=referral.partner_id,
                    what="withdrawal",
                    position=withdrawal.position,
                    happened_at=event.recalled_at,
                )
            )
    await insert_deliveries(tx, new, now=now)
    await mark_progress(tx, referrals.values())
    await outbox.append(tx, said)


def _find(
    referrals: dict[UUID, ReferralProgress], referral_id: UUID, partner_id: str
) -> ReferralProgress:
    referral = referrals.get(referral_id)
    if referral is None or referral.partner_id != partner_id:
        raise UnknownReferral(str(referral_id))
    return referral


def _answer(
    referral: ReferralProgress, event: ReferralAnswerGivenV1, *, now: datetime
) -> list[NewDelivery]:
    if event.answer_id in {delivery.delivery_id for delivery in referral.deliveries}:
        return []
    if is_final(referral.status):
        # The agency has closed it: nobody there would read it.
        log.warning("answer_came_too_late", referral_id=str(event.referral_id))
        return []
    position = referral.next_position()
    referral.deliveries.append(
        DeliveryProgress(
            delivery_id=event.answer_id,
            what="answer",
            position=position,
            state=DeliveryState.DUE,
            due_at=now,
            epoch=0,
        )
    )
    return [
        NewDelivery(
            delivery_id=event.answer_id,
            referral_id=referral.referral_id,
            partner_id=referral.partner_id,
            what="answer",
            position=position,
            happened_at=event.answered_at,
            sealed=event.sealed,
        )
    ]
