"""What a person at operations makes of a referral. PURE, as `referral_progress`.

Whoever calls holds the referral's row lock, stores the changed copy, and appends the events
returned, in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.partner_adapters.referral_progress import (
    DeliveryProgress,
    DeliveryRules,
    ReferralProgress,
    delivered,
    move_to,
    next_update,
    tell_message,
)
from services.partner_adapters.status_words import Meaning
from shared.contracts.delivery_state import DeliveryState
from shared.contracts.events import ReferralDeliveryResumedV1, ReferralUpdate

CAN_BE_SENT_AGAIN = frozenset({DeliveryState.DUE, DeliveryState.PARKED})
"""An uncertain one is decided first: sending it blindly could deliver it twice."""

Repaired = Literal["moved", "kept", "unknown_word"]


@dataclass(frozen=True)
class HeldStatus:
    """A status that no table could translate, and what it means now; None: still unknown."""

    at: datetime
    sealed: str
    meaning: Meaning | None


def send_again(
    referral: ReferralProgress,
    delivery: DeliveryProgress,
    *,
    rules: DeliveryRules,
    by: str,
    now: datetime,
) -> list[ReferralUpdate]:
    """Bring a delivery that waits forward; let a parked one go on, with a whole new schedule.

    A look-up still never comes before the partner can have finished what it was sent.
    """
    was = delivery.state
    delivery.due_at = now
    if delivery.may_have_been_sent and delivery.sending_since:
        delivery.due_at = max(now, delivery.sending_since + rules.rest_after_sending)
    if was is DeliveryState.DUE:
        return []
    return _resume(referral, delivery, by=by, now=now)


def decide_uncertain(
    referral: ReferralProgress,
    delivery: DeliveryProgress,
    *,
    was_received: bool,
    partner_reference: str | None,
    by: str,
    now: datetime,
) -> list[ReferralUpdate]:
    """Settle what nobody could tell, after a person asked the agency."""
    if was_received:
        delivery.reason = "decided_by_person"
        return delivered(referral, delivery, reference=partner_reference, now=now)
    delivery.may_have_been_sent = False
    delivery.due_at = now
    return _resume(referral, delivery, by=by, now=now)


def repair_statuses(
    referral: ReferralProgress, held: Sequence[HeldStatus], *, now: datetime
) -> tuple[list[Repaired], list[ReferralUpdate]]:
    """Apply what can be translated now, in the order the agency said it; one answer each.

    As with any late status, nothing moves backwards. What is still unknown keeps showing that a
    person is needed; without any, nothing shows it any more.
    """
    repaired: list[Repaired] = []
    events: list[ReferralUpdate] = []
    for each in held:
        if each.meaning is None:
            repaired.append("unknown_word")
            continue
        moved = move_to(
            referral,
            each.meaning.status,
            at=each.at,
            now=now,
            refusal_reason=each.meaning.refusal_reason,
            sealed=each.sealed,
        )
        repaired.append("moved" if moved else "kept")
        events += moved
    unread = [each for each in held if each.meaning is None]
    if bool(unread) is not referral.needs_person:
        last = (unread or held)[-1]
        events += tell_message(
            referral, sealed=last.sealed, at=last.at, now=now, needs_person=bool(unread)
        )
    return repaired, events


def _resume(
    referral: ReferralProgress, delivery: DeliveryProgress, *, by: str, now: datetime
) -> list[ReferralUpdate]:
    delivery.state = DeliveryState.DUE
    delivery.failures, delivery.first_failed_at = 0, None
    delivery.reason = delivery.owner = delivery.stuck_since = None
    return [
        ReferralDeliveryResumedV1(
            **next_update(referral),
            at=now,
            attempt=delivery.epoch,
            what=delivery.what,
            resumed_by=by,
        )
    ]
