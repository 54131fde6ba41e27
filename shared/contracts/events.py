"""Every event that crosses a topic, one model per type and version.

Adding an optional field keeps the version. Anything else adds a `…V2` beside the first;
the first keeps being read for as long as a topic can hold it. Readers ignore fields they
do not know. Instants are UTC. `sealed` is ciphertext of a content of `personal.py`.
"""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.contracts.referral_status import ReferralStatus, RefusalReason

_NAMESPACE = UUID("5b0d5a54-6f0e-5d0c-9a55-6a1b7d1f2c3e")

Channel = Literal["kiosk", "agent", "bus", "api"]
Danger = Literal["15", "17", "18", "112", "3919", "3114", "gaz"]
Span = tuple[int, int]


def derive_id(*parts: object) -> UUID:
    """Derive an id from what happened, so that saying it again gives the same id."""
    return uuid5(_NAMESPACE, "\x1f".join(str(part) for part in parts))


class Event(BaseModel):
    """Base of every event's data; `TYPE` is its CloudEvents type with its version."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    TYPE: ClassVar[str]

    @property
    def subject(self) -> str:
        """What the event is about; the key of its message."""
        raise NotImplementedError


class CaseEvent(Event):
    case_id: UUID

    @property
    def subject(self) -> str:
        return str(self.case_id)


class ConsentGiven(BaseModel):
    """What the visitor agreed to; the router never sends beyond it.

    `confirmed`: only the agencies confirmed or added by a person, after a preview.
    `concerned`: those the router finds concerned (taken offline).
    """

    model_config = ConfigDict(frozen=True)

    text_version: str
    given_at: AwareDatetime
    given_by: Literal["visitor", "agent", "representative"]
    scope: Literal["confirmed", "concerned"]


class AgencyChoices(BaseModel):
    """Partners a person confirmed, added or removed; they win over the machine."""

    model_config = ConfigDict(frozen=True)

    confirmed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class RequestSubmittedV1(CaseEvent):
    """A visitor's request was accepted. Sealed: `RequestContent`."""

    TYPE: ClassVar[str] = "request.submitted.v1"

    reference: str
    channel: Channel
    site_id: str
    station_id: str | None = None
    language: str | None = None
    taken_at: AwareDatetime
    received_at: AwareDatetime
    consent: ConsentGiven
    choices: AgencyChoices = AgencyChoices()
    sealed: str


class RequestWithdrawnV1(CaseEvent):
    """The visitor no longer wants any of it."""

    TYPE: ClassVar[str] = "request.withdrawn.v1"

    withdrawn_at: AwareDatetime
    withdrawn_by: str


class RequestAnsweredV1(CaseEvent):
    """An agency's question was answered. Sealed: `WrittenContent`."""

    TYPE: ClassVar[str] = "request.answered.v1"

    answer_id: UUID
    referral_id: UUID
    answered_at: AwareDatetime
    answered_by: str
    sealed: str


class RequestRerouteAskedV1(CaseEvent):
    """A person decided where the case, or one of its referrals, must go instead.

    `referral_id` is recalled when given; without it the decision settles the triage.
    """

    TYPE: ClassVar[str] = "request.reroute_asked.v1"

    reroute_id: UUID
    referral_id: UUID | None = None
    partners: tuple[str, ...]
    asked_at: AwareDatetime
    asked_by: str


class DecidedNeed(BaseModel):
    """One need found in the text, with what decided it. Spans index the request's text."""

    model_config = ConfigDict(frozen=True)

    need_id: UUID
    demarche_id: str
    title: str
    partner_id: str | None
    probability: float
    spans: tuple[Span, ...] = ()
    reason: str


class DecidedReferral(BaseModel):
    model_config = ConfigDict(frozen=True)

    referral_id: UUID
    partner_id: str
    unit_id: str | None = None
    need_ids: tuple[UUID, ...]


class OutsideBody(BaseModel):
    """A body that is competent and is not our partner, and how to reach it."""

    model_config = ConfigDict(frozen=True)

    body_id: str
    name: str
    how_to_reach: str


class _Decision(CaseEvent):
    decision_id: UUID
    decision_number: int
    """1, 2, 3 … per case; the highest is the one in force."""
    decided_at: AwareDatetime
    decided_by: str
    """`router`, or the account of the person."""
    model_version: str
    reason: str
    urgent: bool
    danger: Danger | None = None
    needs: tuple[DecidedNeed, ...]
    bodies: tuple[OutsideBody, ...] = ()


class CaseRoutedV1(_Decision):
    """Which agencies the case goes to, or that none of them is competent."""

    TYPE: ClassVar[str] = "case.routed.v1"

    decision: Literal["route", "out_of_scope"]
    referrals: tuple[DecidedReferral, ...] = ()
    """Those issued by this decision; earlier ones stay unless recalled."""
    recalled: tuple[UUID, ...] = ()
    suggestions: tuple[str, ...] = ()
    """Partners beyond the visitor's consent: to be proposed, never sent."""


class CaseSentToTriageV1(_Decision):
    """A person must decide; `needs` are the candidates."""

    TYPE: ClassVar[str] = "case.sent_to_triage.v1"

    returned_referral_id: UUID | None = None
    """The referral an agency sent back, when that is why."""


class ReferralIssuedV1(CaseEvent):
    """One partner's share of a case. Sealed: `RequestContent`."""

    TYPE: ClassVar[str] = "referral.issued.v1"

    referral_id: UUID
    partner_id: str
    unit_id: str | None = None
    reference: str
    channel: Channel
    site_id: str
    language: str | None = None
    urgent: bool
    taken_at: AwareDatetime
    issued_at: AwareDatetime
    needs: tuple[DecidedNeed, ...]
    sealed: str


class ReferralRecalledV1(CaseEvent):
    """A referral must not go on: never sent if still here, withdrawn there otherwise."""

    TYPE: ClassVar[str] = "referral.recalled.v1"

    referral_id: UUID
    partner_id: str
    recalled_at: AwareDatetime
    because: Literal["withdrawn", "rerouted"]


class ReferralAnswerGivenV1(CaseEvent):
    """The answer to an agency's question, on its way to it. Sealed: `WrittenContent`."""

    TYPE: ClassVar[str] = "referral.answer_given.v1"

    answer_id: UUID
    referral_id: UUID
    partner_id: str
    answered_at: AwareDatetime
    sealed: str


class ReferralUpdate(CaseEvent):
    """What partner_adapters says of a referral.

    `number` counts what was said of this referral (1, 2, 3 …): the highest holds.
    """

    referral_id: UUID
    partner_id: str
    number: int
    at: AwareDatetime


class ReferralDeliveredV1(ReferralUpdate):
    TYPE: ClassVar[str] = "referral.delivered.v1"

    attempt: int
    partner_reference: str | None = None


class ReferralDeliveryUncertainV1(ReferralUpdate):
    TYPE: ClassVar[str] = "referral.delivery_uncertain.v1"

    attempt: int
    reason: str


class ReferralDeliveryParkedV1(ReferralUpdate):
    TYPE: ClassVar[str] = "referral.delivery_parked.v1"

    attempt: int
    reason: str
    owner: str


class ReferralDeliveryResumedV1(ReferralUpdate):
    """A person let what was parked or uncertain go on: it is due again."""

    TYPE: ClassVar[str] = "referral.delivery_resumed.v1"

    attempt: int
    """The last one before."""
    what: Literal["referral", "answer", "withdrawal"]
    """What is handed over; after a referral come its answers and its withdrawal."""
    resumed_by: str
    """The account of the person."""


class ReferralOverdueV1(ReferralUpdate):
    """The agency has not acknowledged by the deadline agreed with it: a person should ask."""

    TYPE: ClassVar[str] = "referral.overdue.v1"

    deadline: AwareDatetime


class ReferralReferenceGivenV1(ReferralUpdate):
    """The agency's own reference, when it came to be known after the delivery was told."""

    TYPE: ClassVar[str] = "referral.reference_given.v1"

    partner_reference: str


class ReferralStatusChangedV1(ReferralUpdate):
    """The agency moved on. Sealed, when it said something: `WrittenContent`."""

    TYPE: ClassVar[str] = "referral.status_changed.v1"

    status: ReferralStatus
    refusal_reason: RefusalReason | None = None
    received_at: AwareDatetime
    """When its word reached us; `at` is when the agency says it happened."""
    sealed: str | None = None


class ReferralMessageReceivedV1(ReferralUpdate):
    """The agency wrote without moving on, or in words we cannot map. Sealed: `WrittenContent`."""

    TYPE: ClassVar[str] = "referral.message_received.v1"

    received_at: AwareDatetime
    needs_person: bool = False
    sealed: str


class PartnerUnit(BaseModel):
    model_config = ConfigDict(frozen=True)

    unit_id: str
    name: str
    postcodes: tuple[str, ...] = ()


class PartnerDescribedV1(Event):
    """What the other services need to know of a partner; the latest one holds."""

    TYPE: ClassVar[str] = "partner.described.v1"

    partner_id: str
    name: str
    kind: str
    accepting: bool = True
    permitted_fields: tuple[str, ...] = ()
    needed_identifiers: tuple[str, ...] = ()
    units: tuple[PartnerUnit, ...] = ()
    described_at: datetime

    @property
    def subject(self) -> str:
        return self.partner_id


EVENTS: dict[str, type[Event]] = {
    event.TYPE: event
    for event in (
        RequestSubmittedV1,
        RequestWithdrawnV1,
        RequestAnsweredV1,
        RequestRerouteAskedV1,
        CaseRoutedV1,
        CaseSentToTriageV1,
        ReferralIssuedV1,
        ReferralRecalledV1,
        ReferralAnswerGivenV1,
        ReferralDeliveredV1,
        ReferralDeliveryUncertainV1,
        ReferralDeliveryParkedV1,
        ReferralDeliveryResumedV1,
        ReferralOverdueV1,
        ReferralReferenceGivenV1,
        ReferralStatusChangedV1,
        ReferralMessageReceivedV1,
        PartnerDescribedV1,
    )
}
