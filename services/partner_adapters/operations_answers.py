"""What the operations door is asked and answers, as JSON."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from services.partner_adapters.partner_file import MappedStatus
from services.partner_adapters.status_message import Word
from services.partner_adapters.word_store import WordKind
from shared.contracts.referral_status import ReferralStatus, RefusalReason
from shared.plumbing.http_door import FieldRefused

Reason = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
"""Why a delivery is parked, in a static word of ours."""
_MAPPED_STATUSES = frozenset(MappedStatus.__args__)  # type: ignore[attr-defined] # of a Literal


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PartnerCondition(BaseModel):
    """How a partner does, and what of its deliveries is not finished."""

    partner_id: str
    name: str
    kind: str
    accepting: bool
    paused: bool
    paused_at: datetime | None
    paused_by: str | None
    breaker: str
    breaker_since: datetime | None
    needs_attention: str | None
    needs_attention_since: datetime | None
    due: int
    oldest_due_at: datetime | None
    """When the oldest delivery that is due was scheduled: the oldest undelivered."""
    sending: int
    uncertain: int
    parked: int
    overdue: int
    """Referrals it has, and has not acknowledged within the business days of its file."""
    opens_at: datetime | None
    """When it takes deliveries again, if it is closed now."""
    delivered_last_hour: int
    failed_last_hour: int
    """Calls of the last hour that did not end in a delivery."""


class PartnersPage(BaseModel):
    partners: list[PartnerCondition]


class Action(BaseModel):
    """Who did what. `details`: ids, counts and words of ours."""

    action: str
    account: str
    at: datetime
    referral_id: UUID | None = None
    details: dict[str, Any]


class PartnerInDetail(PartnerCondition):
    address: str | None
    after_unknown: str
    permitted_fields: tuple[str, ...]
    actions: list[Action]


class BroughtForward(BaseModel):
    deliveries: int


class ReplayAsked(_Asked):
    """Which parked deliveries; a dry run unless it is said otherwise."""

    reason: Reason | None = None
    parked_before: AwareDatetime | None = None
    dry_run: bool = True


class ReplayAnswer(BaseModel):
    """`reasons`: how many were found of each; `replayed`: how many go on, 0 in a dry run.

    `left`: how many a call with the same `parked_before` would still let go.
    """

    dry_run: bool
    parked_before: datetime
    found: int
    reasons: dict[str, int]
    replayed: int
    left: int


class UnknownWordListed(BaseModel):
    kind: WordKind
    word: str
    said_with: str | None
    referrals: int
    first_at: datetime
    last_at: datetime


class MappedWordListed(BaseModel):
    kind: WordKind
    word: str
    meaning: str
    mapped_by: str
    mapped_at: datetime
    in_file: bool
    """The partner's file translates it too, and holds."""


class WordsPage(BaseModel):
    unknown: list[UnknownWordListed]
    mapped: list[MappedWordListed]


class WordAsked(_Asked):
    """A word and what it means: a referral status, or a refusal reason."""

    kind: WordKind = "status"
    word: Word
    meaning: str

    @field_validator("meaning")
    @classmethod
    def _is_one_of_ours(cls, meaning: str, others: ValidationInfo) -> str:
        of_reason = others.data.get("kind") == "reason"
        known = frozenset(RefusalReason) if of_reason else _MAPPED_STATUSES
        if meaning not in known:
            raise FieldRefused(f"Ce sens doit être l’un de : {', '.join(sorted(known))}.")
        return meaning


class WordMapped(BaseModel):
    kind: WordKind
    word: str
    meaning: str
    repaired: int
    """Referrals whose statuses were applied again."""


class DeliveryListed(BaseModel):
    """`since`: since when a person must act, or when it is due."""

    delivery_id: UUID
    referral_id: UUID
    case_id: UUID
    reference: str
    partner_id: str
    what: str
    state: str
    reason: str | None
    owner: str | None
    since: datetime
    due_at: datetime
    attempts: int
    may_have_been_sent: bool
    scheduled_at: datetime


class DeliveriesPage(BaseModel):
    deliveries: list[DeliveryListed]
    cursor: str | None


class DecisionAsked(_Asked):
    """What the agency said when it was asked."""

    was_received: bool
    partner_reference: (
        Annotated[
            str,
            StringConstraints(
                strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$"
            ),
        ]
        | None
    ) = None


class AttemptShown(BaseModel):
    """One call. `answer`: what the partner said, if it was asked to be opened."""

    attempt: int
    started_at: datetime
    duration_ms: int | None
    outcome: str
    reason: str | None
    answer: str | None


class DeliveryShown(BaseModel):
    delivery_id: UUID
    what: str
    state: str
    reason: str | None
    owner: str | None
    due_at: datetime
    may_have_been_sent: bool
    scheduled_at: datetime
    stuck_since: datetime | None
    finished_at: datetime | None
    attempts: list[AttemptShown]


class StatusShown(BaseModel):
    """One status as the partner said it; `word` and `message` only if they were opened."""

    said_at: datetime
    received_at: datetime
    meaning: Literal["moved", "message", "kept", "unknown_word"]
    word: str | None
    message: str | None


class ReferralShown(BaseModel):
    """A referral's whole life here."""

    referral_id: UUID
    case_id: UUID
    reference: str
    partner_id: str
    unit_id: str | None
    status: ReferralStatus
    status_said_at: datetime | None
    partner_reference: str | None
    needs_person: bool
    recalled_at: datetime | None
    channel: str
    urgent: bool
    taken_at: datetime
    issued_at: datetime
    demarches: list[dict[str, Any]]
    opened: bool
    deliveries: list[DeliveryShown]
    statuses: list[StatusShown]
    actions: list[Action]
