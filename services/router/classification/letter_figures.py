"""PURE: the amounts, dates and deadlines written in a French letter, each with its place."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from typing import Literal

from services.router.classification.result import Span

Unit = Literal["days", "weeks", "months"]

_MONTHS = {
    name: index
    for index, names in enumerate(
        ("janvier janv", "février fevrier févr", "mars", "avril avr", "mai", "juin",
         "juillet juil", "août aout", "septembre sept", "octobre oct", "novembre nov",
         "décembre decembre déc"),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_NUMBERS = {
    "un": 1, "une": 1, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "six": 6, "sept": 7,
    "huit": 8, "dix": 10, "douze": 12, "quinze": 15, "vingt": 20, "trente": 30, "soixante": 60,
}  # fmt: skip
_UNITS: dict[str, Unit] = {"j": "days", "s": "weeks", "m": "months"}

_IGNORE = re.IGNORECASE
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATE = re.compile(
    rf"(?<![\d/.,-])(?:(?P<d>[0-3]?\d)[/.-](?P<m>[01]?\d)(?:[/.-](?P<y>\d{{4}}|\d{{2}}))"
    rf"|(?P<iy>20\d\d)-(?P<im>\d\d)-(?P<id>\d\d)"
    rf"|(?P<wd>[0-3]?\d)(?:er)?\s(?P<wm>{_MONTH})\b\.?(?:\s(?P<wy>\d{{4}}))?)(?![\d/])",
    _IGNORE,
)
_AMOUNT = re.compile(
    r"(?<![\d.,])(?P<whole>\d{1,3}(?:[ \u00a0\u202f.]\d{3})+|\d{1,9})(?:[,.](?P<cents>\d{2}))?"
    r"[ \u00a0\u202f]{0,2}(?:€|euros?\b|EUR\b)(?:[ \u00a0\u202f]?(?P<after>\d{2})(?!\d))?",
    _IGNORE,
)
# What stands before the amount that matters; the first of the list is the surest.
_AMOUNT_WORDS = tuple(
    re.compile(pattern, _IGNORE)
    for pattern in (
        r"(?:total|net|reste|restant|somme|montant|solde)[^.\n€]{0,30}(?:à|a) (?:payer|régler|"
        r"rembourser|verser)[^.€]{0,30}$",
        r"(?:restant|reste|reste à) d[uû][^.€]{0,30}$|(?:redevable|devez)[^.€]{0,50}$",
        r"(?:rembourser|payer|régler|réglez|acquitter|verser)[^.€]{0,60}$",
        r"(?:somme|montant|total|solde|dette|indu|trop[- ]perçu|amende)[^.€]{0,40}$",
    )
)
_LETTER_DATE = re.compile(
    r"(?:(?:^|\n)[^\n]{0,60}?,?\s?\ble\s(?:(?:lun|mar|mercre|jeu|vendre|same)di\s|dimanche\s)?"
    r"|(?:^|\n)\s*(?:date|du)(?:\s(?:du courrier|de l[’']avis|d[’']édition|d[’']émission|de facture"
    r"|de la facture))?\s?:?\s*"
    r"|(?:fait à|édité|émise?|facture|courrier)[^\n]{0,40}?\s(?:du|le)\s)$",
    _IGNORE,
)
_BY = re.compile(
    r"(?:avant(?: le)?|au plus tard(?: le)?|jusqu[’']au|d[’']ici(?: le| au)?"
    r"|date limite[^.\n]{0,40}|échéance[^.\n]{0,20}|(?:dernier|ultime) délai[^.\n]{0,10}"
    r"|(?:prél[eè]v|débit)\S*[^.\n]{0,40}\ble"
    r"|(?:rendez-vous|convoqu|attendu|reçu|présenter|audience|passera|retirer|disponible)[^.\n]{0,80}"
    r"\b(?:le|du|au))\s*:?\s*"
    r"(?:(?:lun|mar|mercre|jeu|vendre|same)di\s|dimanche\s)?$",
    _IGNORE,
)
_NUMBER = "|".join(_NUMBERS)
_WITHIN = re.compile(
    rf"(?:(?:sous|dans les|d[’']ici|sous les|avez|pendant)\s"
    rf"|(?:délai(?: maximum| maximal| impératif| légal)?|disposez)\sd(?:e\s|[’']))"
    rf"(?P<n>\d{{1,3}}|{_NUMBER})\s(?:\(\d{{1,3}}\)\s)?(?P<u>j|s|m)(?:ours?|emaines?|ois)\b",
    _IGNORE,
)
_FROM_RECEPTION = re.compile(r"réception|réceptionn|notification|recevoir|présentation", _IGNORE)
_FROM_LETTER = re.compile(r"compter|suiv|date (?:du|de)|présent", _IGNORE)
_APPEAL = re.compile(r"recours|contest|réclamation|tribunal|appel\b|commission", _IGNORE)
_MOST = 60  # figures of a kind: keeps a long text cheap
_LETTER_HEAD = 900  # characters: where a letter says its own date


@dataclass(frozen=True, slots=True)
class Amount:
    euros: Decimal
    span: Span


@dataclass(frozen=True, slots=True)
class DatedAt:
    day: date
    span: Span


@dataclass(frozen=True, slots=True)
class Deadline:
    """By when. `day` is None when the letter counts from a day that it does not say.

    Counted from reception, `day` is the earliest it can be: prudent, never too late.
    """

    day: date | None
    within: tuple[int, Unit] | None
    counted_from: Literal["letter", "reception"] | None
    span: Span


def amount_in(text: str) -> Amount | None:
    """The amount that matters; None when there is none, or several and no word says which."""
    found = list(islice(_AMOUNT.finditer(text), _MOST))
    if not found:
        return None
    before = [text[max(0, match.start() - 80) : match.start()] for match in found]
    for words in _AMOUNT_WORDS:
        for match, said in zip(found, before, strict=True):
            if words.search(said):
                return _amount(match)
    return _amount(found[0]) if len({_amount(match).euros for match in found}) == 1 else None


def letter_date_in(text: str) -> DatedAt | None:
    """The day the letter was written, as its head (or a "fait le") says."""
    for match in _DATE.finditer(text[:_LETTER_HEAD]):
        day = _day(match, near=None)
        before = text[max(0, match.start() - 80) : match.start()]
        if day is not None and _LETTER_DATE.search(before) and not _BY.search(before):
            return DatedAt(day, match.span())
    return None


def deadline_in(text: str, *, written: date | None, to_appeal: bool) -> Deadline | None:
    """The day by which something must be done; `to_appeal`: the one to contest a decision."""
    found = [*_fixed_days(text, written), *_delays(text, written)]
    fitting = [one for one in found if _is_to_appeal(text, one.span) == to_appeal]
    if to_appeal:
        return min(fitting or found, key=lambda one: one.span, default=None)
    fitting = fitting or found
    fixed = [one for one in fitting if one.within is None]
    return min(fixed or fitting, key=lambda one: one.span, default=None)


def _amount(match: re.Match[str]) -> Amount:
    whole = re.sub(r"\D", "", match["whole"])
    cents = match["cents"] or match["after"] or "00"
    return Amount(Decimal(f"{whole}.{cents}"), match.span())


def _fixed_days(text: str, written: date | None) -> list[Deadline]:
    found = []
    for match in islice(_DATE.finditer(text), _MOST):
        day = _day(match, near=written)
        if day is not None and _BY.search(text[max(0, match.start() - 110) : match.start()]):
            found.append(Deadline(day, None, None, match.span()))
    return found


def _delays(text: str, written: date | None) -> list[Deadline]:
    found = []
    for match in islice(_WITHIN.finditer(text), _MOST):
        said = match["n"].lower()
        number = int(said) if said.isdigit() else _NUMBERS[said]
        unit = _UNITS[match["u"].lower()]
        after = text[match.end() : match.end() + 70].partition(".")[0]
        counted: Literal["letter", "reception"] | None = None
        if _FROM_RECEPTION.search(after):
            counted = "reception"
        elif _FROM_LETTER.search(after):
            counted = "letter"
        day = _later(written, number, unit) if written is not None else None
        found.append(Deadline(day, (number, unit), counted, match.span()))
    return found


def _is_to_appeal(text: str, span: Span) -> bool:
    start = max(text.rfind(mark, 0, span[0]) for mark in (".", "\n\n")) + 1
    end = text.find(".", span[1])
    return bool(_APPEAL.search(text[start : end if end >= 0 else len(text)]))


def _day(match: re.Match[str], *, near: date | None) -> date | None:
    """The date said; without a year, the first one after `near`. None when it does not exist."""
    if match["iy"]:
        return _real(int(match["iy"]), int(match["im"]), int(match["id"]))
    if match["d"]:
        year = int(match["y"])
        return _real(year if year > 99 else 2000 + year, int(match["m"]), int(match["d"]))
    month, day = _MONTHS[match["wm"].lower()], int(match["wd"])
    if match["wy"]:
        return _real(int(match["wy"]), month, day)
    if near is None:
        return None
    this_year = _real(near.year, month, day)
    return this_year if this_year and this_year >= near else _real(near.year + 1, month, day)


def _real(year: int, month: int, day: int) -> date | None:
    exists = 1 <= month <= 12 and 1990 <= year <= 2100 and 1 <= day <= monthrange(year, month)[1]
    return date(year, month, day) if exists else None


def _later(start: date, number: int, unit: Unit) -> date:
    if unit != "months":
        return start + timedelta(days=number * (7 if unit == "weeks" else 1))
    months = start.month - 1 + number
    year, month = start.year + months // 12, months % 12 + 1
    return date(year, month, min(start.day, monthrange(year, month)[1]))
