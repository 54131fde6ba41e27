"""What a letter says, as the preview answers it; null is unknown."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from services.router.catalogue.entries import Wish
from services.router.classification.letter_figures import DatedAt, Deadline, Unit
from services.router.preview_request import Preview
from shared.contracts.events import Span


class LetterSaid(BaseModel):
    """`because`: indices in Unicode characters of the text, end exclusive."""

    because: tuple[Span, ...]


class LetterSenderAnswer(LetterSaid):
    id: Annotated[str, Field(description="A partner, or `body:<id>`.")]
    name: str


class LetterWantsAnswer(LetterSaid):
    what: Wish


class LetterDelay(BaseModel):
    number: int
    unit: Unit


class LetterDeadlineAnswer(LetterSaid):
    """Counted from reception, `day` is the earliest it can be."""

    day: Annotated[date | None, Field(description="Null: counted from a day nobody knows.")]
    within: LetterDelay | None
    counted_from: Literal["letter", "reception"] | None


class LetterAmountAnswer(LetterSaid):
    euros: Annotated[Decimal, Field(description="With two decimals, as a string.")]


class LetterDemarcheAnswer(LetterSaid):
    id: str
    title: str
    partner: str


class LetterDateAnswer(LetterSaid):
    day: date


class LetterAnswer(BaseModel):
    """Who sends it, what it wants, by when, how much, which démarche answers it."""

    sender: LetterSenderAnswer | None
    wants: LetterWantsAnswer | None
    deadline: LetterDeadlineAnswer | None
    amount: LetterAmountAnswer | None
    demarche: LetterDemarcheAnswer | None
    written: LetterDateAnswer | None
    suspicious: Annotated[
        tuple[Span, ...], Field(description="Words no real agency writes: it may be a trap.")
    ]


def letter_answer(preview: Preview, *, partner_names: dict[str, str]) -> LetterAnswer | None:
    letter = preview.letter
    if letter is None:
        return None
    names = partner_names | {f"body:{body.body_id}": body.name for body in preview.bodies}
    sender, wants, answering, amount = letter.sender, letter.wants, letter.demarche, letter.amount
    return LetterAnswer(
        sender=sender
        and LetterSenderAnswer(id=sender.id, name=names[sender.id], because=sender.spans),
        wants=wants and LetterWantsAnswer(what=wants.what, because=wants.spans),
        deadline=_deadline(letter.deadline),
        amount=amount and LetterAmountAnswer(euros=amount.euros, because=(amount.span,)),
        demarche=answering
        and LetterDemarcheAnswer(
            id=answering.demarche,
            title=preview.titles[answering.demarche],
            partner=answering.demarche.partition(".")[0],
            because=answering.spans,
        ),
        written=_written(letter.written),
        suspicious=letter.suspicious,
    )


def _deadline(deadline: Deadline | None) -> LetterDeadlineAnswer | None:
    if deadline is None:
        return None
    return LetterDeadlineAnswer(
        day=deadline.day,
        within=deadline.within and LetterDelay(number=deadline.within[0], unit=deadline.within[1]),
        counted_from=deadline.counted_from,
        because=(deadline.span,),
    )


def _written(written: DatedAt | None) -> LetterDateAnswer | None:
    return LetterDateAnswer(day=written.day, because=(written.span,)) if written else None
