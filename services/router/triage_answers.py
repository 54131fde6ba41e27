"""What goes in and out at the triage's door, as documented in its OpenAPI."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from services.router.routing_rules import OUT_OF_SCOPE
from shared.contracts.events import OutsideBody, Span
from shared.plumbing.http_door import FieldRefused

Name = Annotated[str, Field(min_length=1, max_length=50)]
_MOST_SKIPPED = 100


class NextAsked(BaseModel):
    """Which items the caller does not want now."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    skip: Annotated[tuple[UUID, ...], Field(max_length=_MOST_SKIPPED)] = ()


class DecisionForm(BaseModel):
    """Who acts: partners, or `hors_perimetre` alone; `body` names who is competent outside."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partners: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)]
    body: Name | None = None

    @field_validator("partners")
    @classmethod
    def _out_of_scope_stands_alone(cls, partners: tuple[str, ...]) -> tuple[str, ...]:
        if OUT_OF_SCOPE in partners and len(set(partners)) > 1:
            raise FieldRefused("« hors_perimetre » ne va avec aucun organisme.")
        return tuple(dict.fromkeys(partners))


class ItemListed(BaseModel):
    case_id: UUID
    reference: str
    site_id: str
    channel: str
    language: str | None
    taken_at: AwareDatetime
    opened_at: Annotated[AwareDatetime, Field(description="Since when a person must decide.")]
    urgent: bool
    danger: Annotated[str | None, Field(description="The number to call at once.")]
    reason: str
    held_by: Annotated[str | None, Field(description="The account that is reading it.")]


class TriagePage(BaseModel):
    items: tuple[ItemListed, ...]
    cursor: Annotated[
        str | None, Field(description="Give it as `after` to read on; null at the end.")
    ]


class CandidateNeed(BaseModel):
    demarche: str
    title: str
    probability: float
    reason: str
    because: Annotated[
        tuple[Span, ...],
        Field(description="Indices in Unicode characters of the text, end exclusive."),
    ]


class Candidate(BaseModel):
    """A partner that may be the right one, the most probable first."""

    partner: str
    partner_name: str
    probability: float
    needs: tuple[CandidateNeed, ...]


class Refusal(BaseModel):
    """An agency that sent its share back; it is not proposed again."""

    partner: str
    partner_name: str
    reason: str
    words: Annotated[str | None, Field(description="The agency's own words, if it said any.")]
    at: AwareDatetime


class PartnerNamed(BaseModel):
    partner: str
    partner_name: str


class ItemShown(BaseModel):
    """Everything a person needs to decide."""

    case_id: UUID
    reference: str
    site_id: str
    channel: str
    language: str | None
    taken_at: AwareDatetime
    opened_at: AwareDatetime
    urgent: bool
    danger: str | None
    reason: str
    model_version: str
    text: Annotated[str | None, Field(description="Null when no key of ours opens it.")]
    postcode: str | None
    candidates: tuple[Candidate, ...]
    refusals: tuple[Refusal, ...]
    returned_needs: Annotated[
        tuple[CandidateNeed, ...], Field(description="What was asked of those who refused.")
    ]
    already_with: Annotated[
        tuple[PartnerNamed, ...], Field(description="Partners that have a share of it already.")
    ]
    bodies: Annotated[tuple[OutsideBody, ...], Field(description="Found in the text.")]
    held_by: str | None
    held_until: AwareDatetime | None


class BodyNamed(BaseModel):
    id: str
    name: str
    handles: str


class TriageChoices(BaseModel):
    """What may be decided: the partners that take requests now, and the bodies outside."""

    partners: tuple[PartnerNamed, ...]
    bodies: tuple[BodyNamed, ...]


class DecisionHeld(BaseModel):
    """The decision is carried out at `undo_until`, unless it is undone before."""

    case_id: UUID
    decision_id: UUID
    partners: tuple[str, ...]
    body: str | None
    state: Literal["waiting"] = "waiting"
    undo_until: AwareDatetime
