"""What the doors accept, field by field. Whatever is not named here is refused."""

import re
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from shared.contracts.events import Channel
from shared.plumbing.problem_details import FieldRefused

MAX_TEXT = 5000
"""Characters of a request, an answer or a reason."""

_PHONE = re.compile(r"\+?[0-9][0-9 .\-()/]{3,28}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


def _not_blank(text: str) -> str:
    if not text.strip():
        raise FieldRefused("Ce texte ne peut pas être vide.")
    return text


def _phone(text: str) -> str:
    if not _PHONE.fullmatch(text) or not 4 <= sum(c.isdigit() for c in text) <= 15:
        raise FieldRefused("Indiquez un numéro de téléphone, par exemple 06 12 34 56 78.")
    return text


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise FieldRefused("Indiquez une adresse électronique, par exemple nom@exemple.fr.")
    return text


def _birth_date(day: date) -> date:
    if day.year < 1900:
        raise FieldRefused("Cette date est trop ancienne.")
    return day


def _written_day(value: object) -> object:
    """A number would be read as seconds since 1970: refuse it."""
    if not isinstance(value, str):
        raise FieldRefused("Indiquez une date, sous la forme 1950-01-31.")
    return value


def _written_instant(value: object) -> object:
    if not isinstance(value, str) or value.strip().lstrip("+-").replace(".", "").isdigit():
        raise FieldRefused(
            "Indiquez une date et une heure, sous la forme 2026-01-31T09:30:00+01:00."
        )
    return value


WrittenText = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_TEXT), AfterValidator(_not_blank)
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Instant = Annotated[AwareDatetime, BeforeValidator(_written_instant)]
PlaceId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
PartnerId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,31}$")]
PartnerIds = Annotated[tuple[PartnerId, ...], Field(max_length=20)]


class Form(BaseModel):
    """Base of what comes in: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class VisitorForm(Form):
    """The person with a need, as far as they wish to say."""

    given_name: Name | None = None
    family_name: Name | None = None
    birth_date: (
        Annotated[date, BeforeValidator(_written_day), AfterValidator(_birth_date)] | None
    ) = None
    postcode: Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")] | None = None
    phone: Annotated[str, StringConstraints(max_length=32), AfterValidator(_phone)] | None = None
    email: Annotated[str, StringConstraints(max_length=254), AfterValidator(_email)] | None = None
    identifiers: Annotated[
        dict[PartnerId, Annotated[str, StringConstraints(min_length=1, max_length=64)]],
        Field(max_length=20),
    ] = {}
    """The person's number at each agency, by partner id."""


class ConsentForm(Form):
    """What the visitor agreed to, and who said so."""

    text_version: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    given_at: Instant | None = None
    """When left out: when the request was taken."""
    given_by: Literal["visitor", "agent", "representative"]
    scope: Literal["confirmed", "concerned"]


class AgenciesForm(Form):
    """Agencies a person confirmed, added or removed; they win over the machine."""

    confirmed: PartnerIds = ()
    added: PartnerIds = ()
    removed: PartnerIds = ()


class RequestForm(Form):
    """A visitor's request, in their words."""

    text: WrittenText
    language: (
        Annotated[
            str,
            StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"),
        ]
        | None
    ) = None
    """BCP 47; found in the text when left out."""
    channel: Channel
    site_id: PlaceId
    station_id: PlaceId | None = None
    taken_at: Instant | None = None
    """When left out: now."""
    visitor: VisitorForm = VisitorForm()
    consent: ConsentForm
    agencies: AgenciesForm = AgenciesForm()
    tell_by: Literal["none", "sms", "email", "phone", "letter"] = "none"


class WithdrawalForm(Form):
    """The visitor no longer wants any of it; nothing more to say."""


class AnswerForm(Form):
    """The answer to an agency's question."""

    referral_id: UUID
    text: WrittenText


class RerouteForm(Form):
    """Where the case, or one of its referrals, must go instead."""

    referral_id: UUID | None = None
    """The referral to recall; without it the decision settles the triage."""
    partners: Annotated[tuple[PartnerId, ...], Field(min_length=1, max_length=9)]


class CredentialsForm(Form):
    """A person's account and password."""

    account: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=200)]
