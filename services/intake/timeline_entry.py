"""One line of a case's timeline, and how an event reads there. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.contracts.events import (
    CaseEvent,
    CaseRoutedV1,
    CaseSentToTriageV1,
    ReferralDeliveredV1,
    ReferralDeliveryParkedV1,
    ReferralDeliveryResumedV1,
    ReferralDeliveryUncertainV1,
    ReferralMessageReceivedV1,
    ReferralOverdueV1,
    ReferralReferenceGivenV1,
    ReferralStatusChangedV1,
)

CaseUpdate = (
    CaseRoutedV1
    | CaseSentToTriageV1
    | ReferralDeliveredV1
    | ReferralDeliveryUncertainV1
    | ReferralDeliveryParkedV1
    | ReferralDeliveryResumedV1
    | ReferralOverdueV1
    | ReferralReferenceGivenV1
    | ReferralStatusChangedV1
    | ReferralMessageReceivedV1
)
"""What the topic case-updates carries."""

_OWN_COLUMNS = {"case_id", "referral_id", "partner_id", "sealed"}


@dataclass(frozen=True)
class TimelineEntry:
    """What happened, when we learnt it, and the words said, sealed."""

    event_id: UUID
    case_id: UUID
    kind: str
    """The event's type without its version, such as `referral.delivered`."""
    at: datetime
    facts: Mapping[str, Any]
    """Whatever identifies nobody."""
    referral_id: UUID | None = None
    partner_id: str | None = None
    sealed: str | None = None


def kind_of(event: CaseEvent | type[CaseEvent]) -> str:
    """The event's type without its version."""
    return event.TYPE.rpartition(".")[0]


def make_entry(update: CaseUpdate, *, event_id: UUID) -> TimelineEntry:
    """Write an update as a line of the timeline."""
    return TimelineEntry(
        event_id=event_id,
        case_id=update.case_id,
        kind=kind_of(update),
        at=_learnt_at(update),
        facts=update.model_dump(mode="json", exclude=_OWN_COLUMNS),
        referral_id=getattr(update, "referral_id", None),
        partner_id=getattr(update, "partner_id", None),
        sealed=getattr(update, "sealed", None),
    )


def _learnt_at(update: CaseUpdate) -> datetime:
    """By our own clocks: an agency's may be wrong, or say only a day."""
    match update:
        case CaseRoutedV1() | CaseSentToTriageV1():
            return update.decided_at
        case ReferralStatusChangedV1() | ReferralMessageReceivedV1():
            return update.received_at
    return update.at
