import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.router.catalogue.load import load_catalogue
from services.router.classification.letter import LetterReading, compile_letters, read_letter
from services.router.classification.letter_figures import (
    amount_in,
    deadline_in,
    letter_date_in,
)

LETTERS = compile_letters(load_catalogue().letters)
EXAMPLES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "letters.toml").read_text(encoding="utf-8")
)["letter"]


def test_there_are_letters_of_every_partner_and_of_others() -> None:
    senders = {letter.get("sender") for letter in EXAMPLES}
    assert len(EXAMPLES) >= 25
    assert {"caf", "cpam", "edf", "engie", "laposte", "sncf", "casvp", "mairie"} < senders
    assert None in senders


@pytest.mark.parametrize("letter", EXAMPLES, ids=lambda letter: letter["name"])
def test_a_letter_says_who_wants_what_by_when_and_how_much(letter: dict[str, Any]) -> None:
    read = read_letter(letter["text"], letters=LETTERS)
    day = letter.get("deadline")
    within = letter.get("within")
    assert {
        "sender": read.sender.id if read.sender else None,
        "wants": read.wants.what if read.wants else None,
        "amount": str(read.amount.euros) if read.amount else None,
        "deadline": read.deadline.day.isoformat() if read.deadline and read.deadline.day else None,
        "demarche": read.demarche.demarche if read.demarche else None,
        "suspicious": bool(read.suspicious),
    } == {
        "sender": letter.get("sender"),
        "wants": letter.get("wants"),
        "amount": letter.get("amount"),
        "deadline": day,
        "demarche": letter.get("demarche"),
        "suspicious": letter.get("suspicious", False),
    }
    if within is not None:
        assert read.deadline is not None
        assert read.deadline.within == tuple(within)
    _spans_lie_in_the_text(read, letter["text"])


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=400),
        st.lists(
            st.sampled_from(
                ["Caf", " le 31 février 2026", "1 234,56 €", "sous 15 jours", "avant le ",
                 "29/02/2025", "\n", "Objet : ", "99/99/9999", "9" * 30 + " €", "\u202f",
                 "caf-fr.com", "@gmail.com", "32 mars", "٣ €", "delai de 999 mois",
                 "dans les deux semaines", "²€", "réception"]
            ),
            max_size=30,
        ).map("".join),
    )
)  # fmt: skip
@example("")
@example("a" * 5000)
@example("a." * 2500)
@example("1 " * 2500)
@example("le 12/03/2026 " * 350)
@example("€" * 5000)
@example("x@" * 2500)
def test_any_text_is_read_as_a_letter_without_an_exception(text: str) -> None:
    _spans_lie_in_the_text(read_letter(text, letters=LETTERS), text)


@pytest.mark.parametrize(
    ("text", "euros"),
    [
        ("Total à payer : 1 234,56 €", "1234.56"),
        ("Total à payer : 1\u202f234,56\u00a0€", "1234.56"),
        ("la somme de 1.234,56 euros", "1234.56"),
        ("la somme de 80€", "80.00"),
        ("la somme de 80€50", "80.50"),
        ("12 EUR", "12.00"),
        ("abonnement 12,00 €, consommation 30,00 €, reste à payer 42,00 €", "42.00"),
        ("abonnement 12,00 €, consommation 30,00 €", None),
        ("votre client 123456", None),
    ],
)
def test_the_amount_that_matters(text: str, euros: str | None) -> None:
    found = amount_in(text)
    assert (found.euros if found else None) == (Decimal(euros) if euros else None)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("à payer avant le 3 mai 2026", date(2026, 5, 3)),
        ("au plus tard le 03/05/26", date(2026, 5, 3)),
        ("jusqu'au lundi 1er juin", date(2026, 6, 1)),
        ("jusqu'au 2 janvier", date(2027, 1, 2)),
        ("avant le 2026-05-03", date(2026, 5, 3)),
        ("sous 15 jours à compter de la date du courrier", date(2026, 4, 4)),
        ("dans un délai d'un mois", date(2026, 4, 20)),
        ("dans les deux semaines", date(2026, 4, 3)),
        ("avant le 31 février 2026", None),
        ("depuis le 3 mai 2025", None),
    ],
)
def test_a_deadline_counts_from_the_day_the_letter_was_written(text: str, day: date | None) -> None:
    found = deadline_in(text, written=date(2026, 3, 20), to_appeal=False)
    assert (found.day if found else None) == day


def test_a_delay_from_an_unknown_day_has_no_day() -> None:
    found = deadline_in("sous huit jours après réception", written=None, to_appeal=False)
    assert found is not None
    assert (found.day, found.within, found.counted_from) == (None, (8, "days"), "reception")


def test_the_day_of_the_letter_is_not_one_of_the_days_it_speaks_of() -> None:
    text = "Objet : retard du 2 mai 2026\nParis, le 5 juin 2026\nà payer avant le 1er juillet 2026"
    found = letter_date_in(text)
    assert found is not None
    assert (found.day, text[slice(*found.span)]) == (date(2026, 6, 5), "5 juin 2026")


def _spans_lie_in_the_text(read: LetterReading, text: str) -> None:
    spans = [*read.suspicious]
    for part in (read.sender, read.wants, read.demarche):
        spans += part.spans if part else ()
    for figure in (read.amount, read.deadline, read.written):
        spans += [figure.span] if figure else []
    assert all(0 <= start < end <= len(text) for start, end in spans)
