"""How a referral and its deliveries move on. PURE: a working copy in, events out.

Whoever calls holds the referral's row lock, stores the changed copy, and appends the
events returned, in the same transaction. A delivered referral stays delivered, a final
status stays final, and what comes late is kept without moving anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from services.partner_adapters.partner_adapter import What
from services.partner_adapters.retry_schedule import next_attempt_at
from shared.contracts.delivery_state import DeliveryState, is_finished
from shared.contracts.events import (
    ReferralDeliveredV1,
    ReferralDeliveryParkedV1,
    ReferralDeliveryUncertainV1,
    ReferralMessageReceivedV1,
    ReferralReferenceGivenV1,
    ReferralStatusChangedV1,
    ReferralUpdate,
    derive_id,
)
from shared.contracts.referral_status import ReferralStatus, RefusalReason, is_final, may_follow

AfterUnknown = Literal["resend", "look_up", "uncertain"]
"""What to do when nobody knows whether the partner took it."""

OWNER = "operations"
"""Who looks at what is parked."""


@dataclass
class DeliveryProgress:
    """A delivery's changing part."""

    delivery_id: UUID
    what: What
    position: int
    state: DeliveryState
    due_at: datetime
    epoch: int
    may_have_been_sent: bool = False
    failures: int = 0
    first_failed_at: datetime | None = None
    reason: str | None = None
    owner: str | None = None
    sending_since: datetime | None = None
    """When its last call began."""
    stuck_since: datetime | None = None
    """Since when a person must act: it is parked or uncertain."""
    finished_at: datetime | None = None

    @property
    def finished(self) -> bool:
        return is_finished(self.state)


@dataclass
class ReferralProgress:
    """A referral's changing part, with all its deliveries in their order."""

    referral_id: UUID
    case_id: UUID
    partner_id: str
    status: ReferralStatus
    status_said_at: datetime | None = None
    """When the agency says that this status began."""
    number: int = 0
    partner_reference: str | None = None
    needs_person: bool = False
    recalled_at: datetime | None = None
    overdue_since: datetime | None = None
    """When people were told that the agency has not acknowledged in time."""
    trace: Mapping[str, str] = field(default_factory=dict)
    deliveries: list[DeliveryProgress] = field(default_factory=list)

    def delivery(self, delivery_id: UUID) -> DeliveryProgress:
        return next(each for each in self.deliveries if each.delivery_id == delivery_id)

    @property
    def main_delivery(self) -> DeliveryProgress:
        """That of the referral itself, before its answers and its withdrawal."""
        return self.deliveries[0]

    def next_position(self) -> int:
        return self.deliveries[-1].position + 1


@dataclass(frozen=True)
class Outcome:
    """How one call of the partner ended."""

    kind: Literal["accepted", "unavailable", "unknown", "refused", "needs_attention", "not_there"]
    """`not_there`: it was looked up, and the partner certainly never got it."""
    reason: str | None = None
    partner_reference: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True)
class DeliveryRules:
    """A partner's rules on failure."""

    delays: Sequence[float]
    after_unknown: AfterUnknown
    look_up_after: timedelta
    """From the start of a call, how long the partner may still be working on it."""

    @property
    def rest_after_sending(self) -> timedelta:
        """What may have been sent is left alone for so long from the start of its call."""
        return self.look_up_after if self.after_unknown == "look_up" else timedelta()


def settle(
    referral: ReferralProgress,
    delivery: DeliveryProgress,
    outcome: Outcome,
    *,
    rules: DeliveryRules,
    started_at: datetime,
    now: datetime,
    jitter: float,
) -> list[ReferralUpdate]:
    """Apply how a call, begun at `started_at`, ended to a delivery that is `sending`."""
    delivery.reason = outcome.reason
    if outcome.kind == "accepted":
        return delivered(referral, delivery, reference=outcome.partner_reference, now=now)
    if outcome.kind in {"unknown", "not_there"}:
        delivery.may_have_been_sent = outcome.kind == "unknown"
    if referral.recalled_at is not None and delivery.what != "withdrawal":
        return _cancel_recalled(referral, now=now)
    if outcome.kind == "refused":
        return _parked(referral, delivery, reason=outcome.reason or "refused", now=now)
    if outcome.kind in {"needs_attention", "not_there"}:
        # No attempt is used up: of a partner in trouble the breaker sets the pace, and what never
        # reached the other is sent in its turn.
        return _due(delivery, now)
    if outcome.kind == "unknown" and _asks_a_person(rules, delivery):
        return _uncertain(referral, delivery, reason=outcome.reason or "unknown", now=now)
    return _try_again(
        referral, delivery, outcome, rules=rules, started_at=started_at, now=now, jitter=jitter
    )


def delivered(
    referral: ReferralProgress, delivery: DeliveryProgress, *, reference: str | None, now: datetime
) -> list[ReferralUpdate]:
    """The partner has it; `reference` is its own."""
    _finish(delivery, DeliveryState.DELIVERED, now=now)
    if delivery.what != "referral":
        return []
    referral.partner_reference = reference or referral.partner_reference
    if may_follow(referral.status, ReferralStatus.DELIVERED):
        referral.status = ReferralStatus.DELIVERED
    return [
        ReferralDeliveredV1(
            **next_update(referral),
            at=now,
            attempt=max(delivery.epoch, 1),
            partner_reference=referral.partner_reference,
        )
    ]


def prove_delivered(
    referral: ReferralProgress, *, reference: str | None = None, now: datetime
) -> list[ReferralUpdate]:
    """The agency speaks of the referral, so it has it, whatever we know of the delivery."""
    delivery = referral.main_delivery
    if delivery.finished:
        return tell_reference(referral, reference, now=now)
    delivery.reason = "proved_by_status"
    return delivered(referral, delivery, reference=reference, now=now)


def tell_reference(
    referral: ReferralProgress, reference: str | None, *, now: datetime
) -> list[ReferralUpdate]:
    """Pass on the agency's reference, which comes after the delivery; the first one holds."""
    if reference is None or referral.partner_reference is not None:
        return []
    referral.partner_reference = reference
    return [ReferralReferenceGivenV1(**next_update(referral), at=now, partner_reference=reference)]


def move_to(
    referral: ReferralProgress,
    status: ReferralStatus,
    *,
    at: datetime,
    now: datetime,
    refusal_reason: RefusalReason | None = None,
    sealed: str | None = None,
) -> list[ReferralUpdate]:
    """Move the referral on, or nothing at all when that would be backwards."""
    if not may_follow(referral.status, status) or _comes_late(referral, status, at=at):
        return []
    # An agency whose clock runs ahead must not make all that follows late.
    referral.status, referral.status_said_at = status, min(at, now)
    referral.needs_person = False
    return [
        ReferralStatusChangedV1(
            **next_update(referral),
            at=at,
            status=status,
            refusal_reason=refusal_reason,
            received_at=now,
            sealed=sealed,
        )
    ]


def tell_message(
    referral: ReferralProgress, *, sealed: str, at: datetime, now: datetime, needs_person: bool
) -> list[ReferralUpdate]:
    """Pass on what the agency wrote without moving on."""
    referral.needs_person = needs_person
    return [
        ReferralMessageReceivedV1(
            **next_update(referral),
            at=at,
            received_at=now,
            needs_person=needs_person,
            sealed=sealed,
        )
    ]


def recall(
    referral: ReferralProgress, *, withdrawal_id: UUID, at: datetime, now: datetime
) -> tuple[list[ReferralUpdate], DeliveryProgress | None]:
    """Stop a referral: what was never sent is cancelled; the partner is told otherwise.

    Returns the events and the withdrawal to deliver, if there is one. A referral that is
    final stays as it is.
    """
    if referral.recalled_at is not None or is_final(referral.status):
        return [], None
    referral.recalled_at = at
    events = move_to(referral, ReferralStatus.WITHDRAWN, at=at, now=now)
    main = referral.main_delivery
    withdrawal = None
    if main.may_have_been_sent or main.state in {DeliveryState.SENDING, DeliveryState.DELIVERED}:
        withdrawal = DeliveryProgress(
            delivery_id=withdrawal_id,
            what="withdrawal",
            position=referral.next_position(),
            state=DeliveryState.DUE,
            due_at=now,
            epoch=0,
        )
    cancel_waiting(referral, now=now)
    if withdrawal is not None:
        referral.deliveries.append(withdrawal)
    return events, withdrawal


def cancel_waiting(referral: ReferralProgress, *, now: datetime) -> None:
    """Send no more of it; what is being sent at this moment must end first."""
    for delivery in referral.deliveries:
        if delivery.state is not DeliveryState.SENDING and not delivery.finished:
            _finish(delivery, DeliveryState.CANCELLED, now=now)


def event_id_of(update: ReferralUpdate) -> UUID:
    """The id of an event of this service: the same change has the same id for ever."""
    return derive_id(update.TYPE, update.referral_id, update.number)


def next_update(referral: ReferralProgress) -> dict[str, Any]:
    """What every update says of its referral; counts it."""
    referral.number += 1
    return {
        "case_id": referral.case_id,
        "referral_id": referral.referral_id,
        "partner_id": referral.partner_id,
        "number": referral.number,
    }


def _asks_a_person(rules: DeliveryRules, delivery: DeliveryProgress) -> bool:
    """Tell whether only a person can settle an unknown outcome of this delivery.

    An answer or a withdrawal told twice does no harm anywhere; a referral opens a file.
    """
    return rules.after_unknown == "uncertain" and delivery.what == "referral"


def _try_again(
    referral: ReferralProgress,
    delivery: DeliveryProgress,
    outcome: Outcome,
    *,
    rules: DeliveryRules,
    started_at: datetime,
    now: datetime,
    jitter: float,
) -> list[ReferralUpdate]:
    if outcome.retry_after is None:
        delivery.failures += 1
    delivery.first_failed_at = delivery.first_failed_at or now
    due_at = next_attempt_at(
        now=now,
        first_failed_at=delivery.first_failed_at,
        failures=delivery.failures,
        delays=rules.delays,
        retry_after=outcome.retry_after,
        jitter=jitter,
    )
    if due_at is None:
        return _parked(referral, delivery, reason=f"gave_up_{outcome.reason}", now=now)
    if outcome.kind == "unknown" and rules.after_unknown == "look_up":
        due_at = max(due_at, started_at + rules.look_up_after)
    return _due(delivery, due_at)


def _comes_late(referral: ReferralProgress, status: ReferralStatus, *, at: datetime) -> bool:
    """Of two statuses that may follow each other both ways, the one said later holds."""
    since = referral.status_said_at
    return since is not None and at < since and may_follow(status, referral.status)


def _due(delivery: DeliveryProgress, due_at: datetime) -> list[ReferralUpdate]:
    delivery.state = DeliveryState.DUE
    delivery.due_at = due_at
    return []


def _parked(
    referral: ReferralProgress, delivery: DeliveryProgress, *, reason: str, now: datetime
) -> list[ReferralUpdate]:
    delivery.state = DeliveryState.PARKED
    delivery.reason = reason
    delivery.owner = OWNER
    delivery.stuck_since = now
    return [
        ReferralDeliveryParkedV1(
            **next_update(referral),
            at=now,
            attempt=delivery.epoch,
            reason=reason if delivery.what == "referral" else f"{delivery.what}_{reason}",
            owner=OWNER,
        )
    ]


def _uncertain(
    referral: ReferralProgress, delivery: DeliveryProgress, *, reason: str, now: datetime
) -> list[ReferralUpdate]:
    delivery.state = DeliveryState.UNCERTAIN
    delivery.stuck_since = now
    return [
        ReferralDeliveryUncertainV1(
            **next_update(referral),
            at=now,
            attempt=delivery.epoch,
            reason=reason,
        )
    ]


def _cancel_recalled(referral: ReferralProgress, *, now: datetime) -> list[ReferralUpdate]:
    """A call failed for a referral recalled meanwhile: do not send it any more.

    If the partner certainly never had it, its withdrawal is pointless too.
    """
    never_sent = not any(
        each.may_have_been_sent or each.state is DeliveryState.DELIVERED
        for each in referral.deliveries
        if each.what == "referral"
    )
    for delivery in referral.deliveries:
        if not delivery.finished and (never_sent or delivery.what != "withdrawal"):
            _finish(delivery, DeliveryState.CANCELLED, now=now)
    return []


def _finish(delivery: DeliveryProgress, state: DeliveryState, *, now: datetime) -> None:
    delivery.state = state
    delivery.stuck_since = None
    delivery.finished_at = now
