"""What goes in and out at the router's door, as documented in its OpenAPI."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.router.catalogue.entries import Demarche, Number, PlaceRule
from services.router.letter_answers import LetterAnswer, letter_answer
from services.router.preview_request import Preview
from shared.contracts.events import Span

GivenField = Annotated[
    str,
    Field(
        pattern=r"^(given_name|family_name|birth_date|postcode|phone|email|identifiers\.[a-z]{2,20})$"
    ),
]
_SPANS = "Indices in Unicode characters of the text, end exclusive."


class PreviewAsked(BaseModel):
    """A text to read, and what is known of the visitor; nothing of it is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Annotated[
        Literal["request", "letter"],
        Field(description="`letter`: the text is a letter or a bill that somebody was sent."),
    ] = "request"
    text: Annotated[str, Field(min_length=1, max_length=5000)]
    language: Annotated[str | None, Field(max_length=35, pattern=r"^[A-Za-z]{2,3}(-\w+)*$")] = None
    postcode: Annotated[str | None, Field(pattern=r"^\d{5}$")] = None
    insee: Annotated[
        str | None,
        Field(
            pattern=r"^\d[\dAB]\d{3}$",
            description="The commune's INSEE code, surer than the postcode.",
        ),
    ] = None
    given: Annotated[
        tuple[GivenField, ...],
        Field(max_length=30, description="Names of the visitor's fields that are filled in."),
    ] = ()


class PreviewNeed(BaseModel):
    demarche: str
    title: str
    partner: str
    probability: float
    reason: str
    because: Annotated[tuple[Span, ...], Field(description=_SPANS)]
    place: Annotated[
        PlaceRule,
        Field(
            description="Which unit acts: the home's, that of where it happened (`event`: an act "
            "of birth is at the mairie of birth), any, or only for those who live in Paris."
        ),
    ]


class PreviewReferral(BaseModel):
    partner: str
    partner_name: str
    unit: str | None
    unit_name: str | None
    demarches: tuple[str, ...]
    reason: str


class PreviewSuggestion(BaseModel):
    partner: str
    demarche: str
    title: str
    probability: float
    reason: str
    because: Annotated[tuple[Span, ...], Field(description=_SPANS)]


class PreviewBody(BaseModel):
    id: str
    name: str
    how_to_reach: str


class PreviewMissing(BaseModel):
    """What a person should still ask, for this agency to be able to act."""

    partner: str
    partner_name: str
    facts: tuple[str, ...]


class PreviewRight(BaseModel):
    """Another right that a person with this need often misses."""

    demarche: Annotated[str, Field(description="A démarche, or `body:<id>`.")]
    title: str
    partner: Annotated[str | None, Field(description="Null: a body outside.")]
    because: str
    seen_from: Annotated[str, Field(description="The démarche it stands beside.")]


class PreviewCall(BaseModel):
    """Whom to call at once."""

    number: Number
    dial: Annotated[str, Field(description="As it is written and said.")]
    service: str
    advice: str


class PreviewAnswer(BaseModel):
    """What would go to whom, if the visitor agrees, and why."""

    decision: Literal["route", "triage", "out_of_scope"]
    reason: str
    urgent: bool
    danger: str | None
    confidence: float
    model_version: str
    needs: tuple[PreviewNeed, ...]
    referrals: tuple[PreviewReferral, ...]
    suggestions: tuple[PreviewSuggestion, ...]
    bodies: tuple[PreviewBody, ...]
    missing: tuple[PreviewMissing, ...]
    other_rights: tuple[PreviewRight, ...]
    call: PreviewCall | None
    letter: LetterAnswer | None


class DemarcheAnswer(BaseModel):
    id: str
    partner: str
    partner_name: str
    title: str
    plain: str
    facts: tuple[str, ...]
    online_service: str | None
    examples: tuple[str, ...]


class DemarchesPage(BaseModel):
    demarches: tuple[DemarcheAnswer, ...]
    cursor: Annotated[
        str | None, Field(description="Give it as `after` to read on; null at the end.")
    ]


def preview_answer(preview: Preview, *, partner_names: dict[str, str]) -> PreviewAnswer:
    plan = preview.plan
    return PreviewAnswer(
        decision=plan.decision,
        reason=plan.reason,
        urgent=plan.urgent,
        danger=plan.danger,
        confidence=preview.confidence,
        model_version=preview.model_version,
        needs=tuple(
            PreviewNeed(
                demarche=need.demarche_id,
                title=preview.titles[need.demarche_id],
                partner=need.partner_id,
                probability=need.probability,
                reason=need.reason,
                because=need.spans,
                place=preview.places[need.demarche_id],
            )
            for need in plan.needs
        ),
        referrals=tuple(
            PreviewReferral(
                partner=referral.partner_id,
                partner_name=partner_names[referral.partner_id],
                unit=referral.unit_id,
                unit_name=referral.unit_name,
                demarches=tuple(plan.needs[index].demarche_id for index in referral.need_indexes),
                reason=referral.reason,
            )
            for referral in plan.referrals
        ),
        suggestions=tuple(
            PreviewSuggestion(
                partner=suggestion.partner_id,
                demarche=suggestion.demarche_id,
                title=preview.titles[suggestion.demarche_id],
                probability=suggestion.probability,
                reason=suggestion.reason,
                because=suggestion.spans,
            )
            for suggestion in plan.suggestions
        ),
        bodies=tuple(
            PreviewBody(id=body.body_id, name=body.name, how_to_reach=body.how_to_reach)
            for body in preview.bodies
        ),
        missing=tuple(
            PreviewMissing(
                partner=missing.partner_id,
                partner_name=partner_names[missing.partner_id],
                facts=missing.facts,
            )
            for missing in preview.missing
        ),
        other_rights=tuple(
            PreviewRight(
                demarche=right.demarche_id,
                title=right.title,
                partner=right.partner_id,
                because=right.because,
                seen_from=right.seen_from,
            )
            for right in preview.other_rights
        ),
        call=_call(preview),
        letter=letter_answer(preview, partner_names=partner_names),
    )


def _call(preview: Preview) -> PreviewCall | None:
    call = preview.call
    if call is None:
        return None
    return PreviewCall(number=call.number, dial=call.dial, service=call.service, advice=call.advice)


def demarche_answer(demarche: Demarche, *, partner_names: dict[str, str]) -> DemarcheAnswer:
    return DemarcheAnswer(
        id=demarche.id,
        partner=demarche.partner,
        partner_name=partner_names[demarche.partner],
        title=demarche.title,
        plain=demarche.plain,
        facts=demarche.facts,
        online_service=demarche.online_service,
        examples=demarche.examples,
    )
