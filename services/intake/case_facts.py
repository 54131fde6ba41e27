"""What is known of a case, and what one more event adds to it. Pure.

Events come late, early and twice. Whatever their order, the same events give the same
facts: the highest decision number holds; of a referral, the highest number holds for what
its agency does, and apart from it for what we do to reach the agency, so that a late
`delivered` never hides an agency's word.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.delivery_state import DeliveryState
from shared.contracts.events import (
    CaseRoutedV1,
    CaseSentToTriageV1,
    Danger,
    DecidedNeed,
    Event,
    OutsideBody,
    ReferralDeliveredV1,
    ReferralDeliveryParkedV1,
    ReferralDeliveryResumedV1,
    ReferralDeliveryUncertainV1,
    ReferralMessageReceivedV1,
    ReferralOverdueV1,
    ReferralReferenceGivenV1,
    ReferralStatusChangedV1,
    ReferralUpdate,
)
from shared.contracts.referral_status import ReferralStatus, RefusalReason


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class DecisionFacts(_Facts):
    """The decision in force: where the case goes and why."""

    decision_id: UUID
    number: int
    kind: Literal["route", "out_of_scope", "triage"]
    decided_at: datetime
    decided_by: str
    model_version: str
    reason: str
    urgent: bool
    danger: Danger | None
    needs: tuple[DecidedNeed, ...]
    bodies: tuple[OutsideBody, ...]
    suggestions: tuple[str, ...] = ()
    returned_referral_id: UUID | None = None


class ReferralFacts(_Facts):
    """One agency's share of the case. Numbers are the highest seen of each kind, 0 for none."""

    referral_id: UUID
    partner_id: str
    unit_id: str | None = None
    needs: tuple[DecidedNeed, ...] = ()
    decision_number: int | None = None
    """The decision that issued it; `None` while only its updates were heard."""

    status_number: int = 0
    agency_status: ReferralStatus | None = None
    agency_status_at: datetime | None = None
    refusal_reason: RefusalReason | None = None

    delivery_number: int = 0
    delivery_state: DeliveryState | None = None
    delivery_at: datetime | None = None
    delivery_attempt: int | None = None
    delivery_reason: str | None = None
    delivery_owner: str | None = None

    delivered_number: int = 0
    """The first `delivered`; later ones are about answers and withdrawals."""
    delivered_at: datetime | None = None

    reference_number: int = 0
    """The first that told the agency's reference."""
    partner_reference: str | None = None

    message_number: int = 0
    needs_person: bool = False
    """The agency's last message could not be mapped, or it is overdue: somebody must look."""

    @property
    def status(self) -> ReferralStatus:
        """What the agency is doing, as far as we know."""
        if self.agency_status is not None:
            return self.agency_status
        return ReferralStatus.DELIVERED if self.delivered_at else ReferralStatus.ISSUED


class CaseFacts(_Facts):
    """Everything the status of a case depends on."""

    withdrawn: bool = False
    decision: DecisionFacts | None = None
    recalled: frozenset[UUID] = frozenset()
    """Referrals that a later decision took back."""
    referrals: dict[UUID, ReferralFacts] = {}


def add_event(facts: CaseFacts, event: Event) -> CaseFacts:
    """Give the facts once `event` is known; an event about something else changes nothing."""
    match event:
        case CaseRoutedV1() | CaseSentToTriageV1():
            return _add_decision(facts, event)
        case ReferralDeliveredV1() | ReferralReferenceGivenV1():
            return _replace(facts, _add_delivered(_referral(facts, event), event))
        case (
            ReferralDeliveryUncertainV1() | ReferralDeliveryParkedV1() | ReferralDeliveryResumedV1()
        ):
            return _replace(facts, _add_delivery_news(_referral(facts, event), event))
        case ReferralStatusChangedV1():
            return _replace(facts, _add_status(_referral(facts, event), event))
        case ReferralMessageReceivedV1() | ReferralOverdueV1():
            return _replace(facts, _add_message(_referral(facts, event), event))
    return facts


def _referral(facts: CaseFacts, event: ReferralUpdate) -> ReferralFacts:
    known = facts.referrals.get(event.referral_id)
    return known or ReferralFacts(referral_id=event.referral_id, partner_id=event.partner_id)


def _replace(facts: CaseFacts, referral: ReferralFacts) -> CaseFacts:
    return facts.model_copy(
        update={"referrals": {**facts.referrals, referral.referral_id: referral}}
    )


def _add_decision(facts: CaseFacts, event: CaseRoutedV1 | CaseSentToTriageV1) -> CaseFacts:
    routed = event if isinstance(event, CaseRoutedV1) else None
    if routed is not None:
        facts = _add_issued(facts, routed)
    if facts.decision is not None and facts.decision.number >= event.decision_number:
        return facts
    decision = DecisionFacts(
        decision_id=event.decision_id,
        number=event.decision_number,
        kind=routed.decision if routed is not None else "triage",
        decided_at=event.decided_at,
        decided_by=event.decided_by,
        model_version=event.model_version,
        reason=event.reason,
        urgent=event.urgent,
        danger=event.danger,
        needs=event.needs,
        bodies=event.bodies,
        suggestions=routed.suggestions if routed is not None else (),
        returned_referral_id=getattr(event, "returned_referral_id", None),
    )
    return facts.model_copy(update={"decision": decision})


def _add_issued(facts: CaseFacts, event: CaseRoutedV1) -> CaseFacts:
    needs = {need.need_id: need for need in event.needs}
    referrals = dict(facts.referrals)
    for issued in event.referrals:
        known = referrals.get(issued.referral_id) or ReferralFacts(
            referral_id=issued.referral_id, partner_id=issued.partner_id
        )
        referrals[issued.referral_id] = known.model_copy(
            update={
                "unit_id": issued.unit_id,
                "needs": tuple(needs[i] for i in issued.need_ids if i in needs),
                "decision_number": event.decision_number,
            }
        )
    return facts.model_copy(
        update={"referrals": referrals, "recalled": facts.recalled | set(event.recalled)}
    )


def _add_delivered(
    referral: ReferralFacts, event: ReferralDeliveredV1 | ReferralReferenceGivenV1
) -> ReferralFacts:
    given = event.partner_reference is not None
    if given and not 0 < referral.reference_number <= event.number:
        referral = referral.model_copy(
            update={
                "reference_number": event.number,
                "partner_reference": event.partner_reference,
            }
        )
    if isinstance(event, ReferralReferenceGivenV1):
        return referral
    if referral.delivered_number == 0 or event.number < referral.delivered_number:
        referral = referral.model_copy(
            update={"delivered_number": event.number, "delivered_at": event.at}
        )
    return _add_delivery(referral, event, state=DeliveryState.DELIVERED)


def _add_delivery_news(
    referral: ReferralFacts,
    event: ReferralDeliveryUncertainV1 | ReferralDeliveryParkedV1 | ReferralDeliveryResumedV1,
) -> ReferralFacts:
    match event:
        case ReferralDeliveryUncertainV1():
            state = DeliveryState.UNCERTAIN
        case ReferralDeliveryParkedV1():
            state = DeliveryState.PARKED
        case _:
            # Answers and withdrawals are on their way only once the referral was delivered.
            first = event.what == "referral"
            state = DeliveryState.DUE if first else DeliveryState.DELIVERED
    return _add_delivery(referral, event, state=state)


def _add_delivery(
    referral: ReferralFacts,
    event: ReferralDeliveredV1
    | ReferralDeliveryUncertainV1
    | ReferralDeliveryParkedV1
    | ReferralDeliveryResumedV1,
    *,
    state: DeliveryState,
) -> ReferralFacts:
    if event.number <= referral.delivery_number:
        return referral
    return referral.model_copy(
        update={
            "delivery_number": event.number,
            "delivery_state": state,
            "delivery_at": event.at,
            "delivery_attempt": event.attempt,
            "delivery_reason": getattr(event, "reason", None),
            "delivery_owner": getattr(event, "owner", None),
        }
    )


def _add_status(referral: ReferralFacts, event: ReferralStatusChangedV1) -> ReferralFacts:
    referral = _add_mapped(referral, number=event.number, needs_person=False)
    if event.number <= referral.status_number:
        return referral
    return referral.model_copy(
        update={
            "status_number": event.number,
            "agency_status": event.status,
            "agency_status_at": event.at,
            "refusal_reason": event.refusal_reason,
        }
    )


def _add_message(
    referral: ReferralFacts, event: ReferralMessageReceivedV1 | ReferralOverdueV1
) -> ReferralFacts:
    needs_person = isinstance(event, ReferralOverdueV1) or event.needs_person
    return _add_mapped(referral, number=event.number, needs_person=needs_person)


def _add_mapped(referral: ReferralFacts, *, number: int, needs_person: bool) -> ReferralFacts:
    if number <= referral.message_number:
        return referral
    return referral.model_copy(update={"message_number": number, "needs_person": needs_person})
