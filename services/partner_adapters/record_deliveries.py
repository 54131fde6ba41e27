"""Record how calls of partners ended: the last step of claim → call → record."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from services.partner_adapters.delivery_store import (
    Attempt,
    insert_attempts,
    lock_referrals,
    mark_progress,
)
from services.partner_adapters.partner_answer import redacted
from services.partner_adapters.referral_progress import (
    DeliveryRules,
    Outcome,
    ReferralProgress,
    event_id_of,
    settle,
    tell_reference,
)
from shared.contracts.delivery_state import DeliveryState
from shared.contracts.events import ReferralUpdate
from shared.contracts.personal import WrittenContent
from shared.contracts.topics import CASE_UPDATES
from shared.plumbing.clock import Clock
from shared.plumbing.database import Transaction
from shared.plumbing.outbox import Outbox, OutgoingEvent
from shared.plumbing.sealing import Sealer

log = structlog.get_logger()


@dataclass(frozen=True)
class CallEnded:
    """One call, under the epoch it was claimed with. `answer` is what the partner said."""

    delivery_id: UUID
    referral_id: UUID
    epoch: int
    started_at: datetime
    duration_ms: int | None
    outcome: Outcome
    answer: str = ""


async def record_deliveries(
    tx: Transaction,
    calls: Sequence[CallEnded],
    *,
    rules: Mapping[str, DeliveryRules],
    sealer: Sealer,
    outbox: Outbox,
    clock: Clock,
) -> list[DeliveryState | None]:
    """Settle each call's delivery; None for a zombie, whose claim is no longer its own.

    Every call leaves its attempt, a zombie's too: it may have reached the partner.
    """
    now = clock.now()
    referrals = await lock_referrals(tx, [call.referral_id for call in calls])
    states: list[DeliveryState | None] = []
    events: list[OutgoingEvent] = []
    attempts: list[Attempt] = []
    for call in calls:
        referral = referrals[call.referral_id]
        attempts.append(_attempt(call, referral, sealer=sealer))
        delivery = referral.delivery(call.delivery_id)
        if delivery.state is not DeliveryState.SENDING or delivery.epoch != call.epoch:
            states.append(None)
            if delivery is referral.main_delivery:
                told = tell_reference(referral, call.outcome.partner_reference, now=now)
                events += outgoing(referral, told)
            continue
        said = settle(
            referral,
            delivery,
            call.outcome,
            rules=rules[referral.partner_id],
            started_at=call.started_at,
            now=now,
            jitter=random.random(),  # noqa: S311 - it spreads retries, nothing more
        )
        events += outgoing(referral, said)
        states.append(delivery.state)
        _log(call, referral, delivery.state)
    await mark_progress(tx, referrals.values())
    await insert_attempts(tx, attempts)
    await outbox.append(tx, events)
    return states


def outgoing(referral: ReferralProgress, updates: Sequence[ReferralUpdate]) -> list[OutgoingEvent]:
    """What is said of a referral on its way to case-updates, under the referral's trace."""
    return [
        OutgoingEvent(
            topic=CASE_UPDATES.name,
            event_id=event_id_of(update),
            data=update,
            trace=referral.trace,
        )
        for update in updates
    ]


def _attempt(call: CallEnded, referral: ReferralProgress, *, sealer: Sealer) -> Attempt:
    answer = None
    if call.answer:
        content = WrittenContent(text=redacted(call.answer))
        answer = sealer.seal(content, bound_to=referral.case_id)
    return Attempt(
        delivery_id=call.delivery_id,
        epoch=call.epoch,
        started_at=call.started_at,
        duration_ms=call.duration_ms,
        outcome=call.outcome.kind,
        reason=call.outcome.reason,
        answer=answer,
        partner_id=referral.partner_id,
    )


def _log(call: CallEnded, referral: ReferralProgress, state: DeliveryState) -> None:
    ids = {
        "case_id": str(referral.case_id),
        "referral_id": str(referral.referral_id),
        "partner_id": referral.partner_id,
        "attempt": call.epoch,
        "duration_ms": call.duration_ms,
        "reason": call.outcome.reason,
    }
    if state is DeliveryState.PARKED:
        log.error("delivery_parked", **ids)
    elif state is DeliveryState.UNCERTAIN:
        log.error("delivery_uncertain", **ids)
    elif state is DeliveryState.DUE:
        log.warning("delivery_postponed", **ids)
    else:
        log.debug("delivery_recorded", state=state.value, **ids)
