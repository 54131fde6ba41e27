"""What the doors answer, as the OpenAPI document says it to whoever writes a client.

Answers are not passed through these models (that would cost more than all the rest of a
call); tests hold every answer against them, and a field too many or too few fails.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.intake.case_status import CaseStatus
from shared.contracts.delivery_state import DeliveryState
from shared.contracts.events import (
    AgencyChoices,
    Channel,
    ConsentGiven,
    Danger,
    DecidedNeed,
    OutsideBody,
)
from shared.contracts.personal import Visitor, WrittenContent
from shared.contracts.referral_status import ReferralStatus, RefusalReason


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CaseLinks(Answer):
    case: str
    track: str


class RequestAccepted(Answer):
    """`tracking_secret` is said once, and again for the same idempotency key."""

    case_id: UUID
    reference: str
    tracking_secret: str
    status: CaseStatus
    links: CaseLinks


class WithdrawalAccepted(Answer):
    case_id: UUID
    status: Literal["withdrawn"]


class AnswerAccepted(Answer):
    case_id: UUID
    answer_id: UUID


class RerouteAccepted(Answer):
    case_id: UUID
    reroute_id: UUID


class ReferralInList(Answer):
    referral_id: UUID
    partner_id: str
    partner_name: str | None
    status: ReferralStatus


class CaseInList(Answer):
    case_id: UUID
    reference: str
    status: CaseStatus
    channel: Channel
    station_id: str | None
    taken_at: datetime
    received_at: datetime
    urgent: bool
    danger: Danger | None
    referrals: list[ReferralInList]


class CasesPage(Answer):
    """`cursor` is what `after` asks the next page with; null on the last one."""

    cases: list[CaseInList]
    cursor: str | None


class DecisionShown(Answer):
    decision_id: UUID
    number: int
    kind: Literal["route", "out_of_scope", "triage"]
    decided_at: datetime
    decided_by: str
    model_version: str
    reason: str
    urgent: bool
    danger: Danger | None
    suggestions: list[str]
    returned_referral_id: UUID | None


class DeliveryShown(Answer):
    state: DeliveryState
    at: datetime
    attempt: int | None
    reason: str | None
    owner: str | None


class ReferralShown(ReferralInList):
    unit_id: str | None
    status_at: datetime | None
    refusal_reason: RefusalReason | None
    recalled: bool
    needs_person: bool
    partner_reference: str | None
    delivered_at: datetime | None
    delivery: DeliveryShown | None
    need_ids: list[UUID]


class LineShown(Answer):
    """`facts` are those of the event of this kind; `words` are what was said, opened."""

    kind: str
    at: datetime
    recorded_at: datetime
    referral_id: UUID | None
    partner_id: str | None
    facts: dict[str, Any]
    words: WrittenContent | None


class CaseShown(Answer):
    case_id: UUID
    reference: str
    status: CaseStatus
    channel: Channel
    site_id: str
    station_id: str | None
    language: str | None
    taken_at: datetime
    received_at: datetime
    submitted_by: str
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    consent: ConsentGiven
    agencies: AgencyChoices
    text: str
    visitor: Visitor
    tell_by: str
    decision: DecisionShown | None
    needs: list[DecidedNeed]
    bodies: list[OutsideBody]
    referrals: list[ReferralShown]
    timeline: list[LineShown]


class ReferralForVisitor(ReferralInList):
    status_at: datetime | None
    refusal_reason: RefusalReason | None
    partner_reference: str | None


class LineForVisitor(Answer):
    kind: str
    at: datetime
    partner_id: str | None
    facts: dict[str, Any]
    words: str | None


class CaseForVisitor(Answer):
    """What a visitor sees with their tracking secret: nothing of who works on it."""

    reference: str
    status: CaseStatus
    received_at: datetime
    withdrawn_at: datetime | None
    needs: list[str]
    bodies: list[OutsideBody]
    referrals: list[ReferralForVisitor]
    timeline: list[LineForVisitor]


class SessionGiven(Answer):
    """The same session is in the cookie `aiguillage_session`."""

    token: str
    expires_at: datetime


class WhoIsSignedIn(Answer):
    account: str
    roles: list[str]
    site_id: str | None
