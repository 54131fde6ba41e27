"""What the router knows of one case, as plain frozen data; no I/O.

A use case takes a `CaseFile` and what happened, and gives a `Step`: the new file, the
decisions taken and the events to announce. `decision_store.py` reads and writes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.contracts.events import (
    AgencyChoices,
    Channel,
    ConsentGiven,
    DecidedNeed,
    OutsideBody,
)
from shared.plumbing.outbox import OutgoingEvent

Outcome = Literal["route", "triage", "out_of_scope"]
EndedBecause = Literal["withdrawn", "rerouted", "returned"]
HeldState = Literal["waiting", "issued", "cancelled"]
Urgency = Literal[0, 1, 2]
"""0: danger; 1: urgent; 2: neither."""
LessonSource = Literal["preview", "triage", "reroute", "refusal"]


class UnknownReferral(Exception):
    """An event names a referral that this case never had; a person must look. Ids only."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, sealed, with the consent and the choices it was asked under."""

    reference: str
    channel: Channel
    site_id: str
    language: str | None
    taken_at: datetime
    consent: ConsentGiven
    choices: AgencyChoices
    sealed: str


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision on a case, with its reason; never changed once taken."""

    decision_id: UUID
    case_id: UUID
    number: int
    outcome: Outcome
    decided_at: datetime
    decided_by: str
    model_version: str
    reason: str
    urgent: bool
    danger: str | None
    needs: tuple[DecidedNeed, ...]
    bodies: tuple[OutsideBody, ...]
    suggestions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Referral:
    """One partner's share, as far as the router cares: issued, and perhaps ended by us.

    Its status belongs to partner_adapters; a resolved referral is still live here.
    """

    referral_id: UUID
    decision_id: UUID
    partner_id: str
    unit_id: str | None
    needs: tuple[DecidedNeed, ...]
    issued_at: datetime
    ended_at: datetime | None = None
    ended_because: EndedBecause | None = None
    refusal_reason: str | None = None
    refusal_sealed: str | None = None
    """The agency's own words (`WrittenContent`) when it sent its share back."""

    @property
    def live(self) -> bool:
        return self.ended_at is None


@dataclass(frozen=True, slots=True)
class HeldDecision:
    """A person's decision that waits until `due_at`, so that it can be undone."""

    reroute_id: UUID
    referral_id: UUID | None
    partners: tuple[str, ...]
    asked_by: str
    asked_at: datetime
    due_at: datetime
    trace: Mapping[str, str]
    body_id: str | None = None
    """The body outside that the person named, an entry of the catalogue."""
    state: HeldState = "waiting"
    settled_at: datetime | None = None

    @property
    def settles_triage(self) -> bool:
        return self.referral_id is None


@dataclass(frozen=True, slots=True)
class TriageItem:
    """A case that waits for a person; `settling` while a decision on it may still be undone."""

    site_id: str
    urgency: Urgency
    opened_at: datetime
    settling: bool


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a person or an agency said of the agencies of a whole text; ids, never the text.

    `agencies` are right (`hors_perimetre` stands alone; empty when nobody said), `not_agencies`
    wrong.
    """

    lesson_id: UUID
    case_id: UUID
    source: LessonSource
    agencies: tuple[str, ...]
    not_agencies: tuple[str, ...]
    reason: str
    at: datetime
    model_version: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case; without `request` when nothing, or only its withdrawal, was heard."""

    case_id: UUID
    request: Request | None = None
    decision: Decision | None = None
    """The one in force."""
    referrals: tuple[Referral, ...] = ()
    held: tuple[HeldDecision, ...] = ()
    excluded: frozenset[str] = frozenset()
    """Partners that sent a need of this case back."""
    withdrawn_at: datetime | None = None

    @property
    def next_decision_number(self) -> int:
        return 1 if self.decision is None else self.decision.number + 1

    @property
    def live_referrals(self) -> tuple[Referral, ...]:
        return tuple(referral for referral in self.referrals if referral.live)

    @property
    def undecided_needs(self) -> tuple[DecidedNeed, ...]:
        """The needs that wait for a person and that no live referral carries."""
        if self.decision is None or self.decision.outcome != "triage":
            return ()
        carried = {need.need_id for r in self.live_referrals for need in r.needs}
        return tuple(need for need in self.decision.needs if need.need_id not in carried)

    @property
    def triage(self) -> TriageItem | None:
        """What the people of the triage see of it; None when it does not wait for them."""
        decision = self.decision
        if self.request is None or decision is None or self.withdrawn_at is not None:
            return None
        if decision.outcome != "triage":
            return None
        return TriageItem(
            site_id=self.request.site_id,
            urgency=0 if decision.danger is not None else 1 if decision.urgent else 2,
            opened_at=decision.decided_at,
            settling=any(h.state == "waiting" and h.settles_triage for h in self.held),
        )

    def referral(self, referral_id: UUID) -> Referral:
        """The referral of that id; raises `UnknownReferral`."""
        for referral in self.referrals:
            if referral.referral_id == referral_id:
                return referral
        raise UnknownReferral(f"case {self.case_id} has no referral {referral_id}")


@dataclass(frozen=True, slots=True)
class Step:
    """What one event did to one case."""

    case: CaseFile
    decisions: tuple[Decision, ...] = ()
    events: tuple[OutgoingEvent, ...] = field(default=())
    lessons: tuple[Lesson, ...] = ()
