"""The contents that travel sealed: whatever could identify or describe a person.

An event carries one of these as ciphertext in its `sealed` field (see
`shared/plumbing/sealing.py`); nothing here may appear in a header, a key or a log.
"""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict


class SealedContent(BaseModel):
    """Base of every content that is only ever stored or sent encrypted."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Visitor(SealedContent):
    """The person with a need, as far as they wished to say."""

    given_name: str | None = None
    family_name: str | None = None
    birth_date: date | None = None
    postcode: str | None = None
    phone: str | None = None
    email: str | None = None
    identifiers: dict[str, str] = {}
    """Identifier at each agency, by partner id: `{"caf": "1234567"}`."""


class RequestContent(SealedContent):
    """What the visitor asked, in their words, and who they are."""

    text: str
    visitor: Visitor = Visitor()
    tell_by: Literal["none", "sms", "email", "phone", "letter"] = "none"


class WrittenContent(SealedContent):
    """A text somebody wrote: an answer, a reason, an agency's own words or question."""

    text: str
    partner_word: str | None = None
    """The agency's own status word, kept as it came."""
