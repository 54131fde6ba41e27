"""What an agency checks before it opens a file."""

from typing import Any

import pytest

from services.partner_simulators.referral_form import (
    ALL_VISITOR_FIELDS,
    NotAForm,
    parse_object,
    wrong_in_answer,
    wrong_in_referral,
)


def referral(**changed: Any) -> dict[str, Any]:
    return {
        "referral_id": "7b7c4d2e-6c1b-4e88-9f1e-0b6a5a3c1d2f",
        "case_reference": "K7M4-QX9T",
        "unit": None,
        "urgent": False,
        "channel": "kiosk",
        "language": "fr",
        "taken_at": "2026-11-23T10:00:00Z",
        "issued_at": "2026-11-23T10:00:01+00:00",
        "demarches": [{"id": "caf.apl_demande", "title": "Demande d'APL"}],
        "text": "Je voudrais demander l'APL",
        "visitor": {"given_name": "Awa", "identifiers": {"caf": "1234567"}},
        **changed,
    }


def fields_of(form: dict[str, Any], permitted: frozenset[str] = ALL_VISITOR_FIELDS) -> list[str]:
    wrong = wrong_in_referral(form, partner_id="caf", visitor_fields=permitted)
    return [each["field"] for each in wrong]


def test_a_right_form_has_nothing_wrong() -> None:
    assert fields_of(referral()) == []


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"referral_id": "12"}, "referral_id"),
        ({"urgent": "yes"}, "urgent"),
        ({"channel": "fax"}, "channel"),
        ({"taken_at": "2026-11-23T10:00:00"}, "taken_at"),
        ({"text": ""}, "text"),
        ({"text": "a" * 5001}, "text"),
        ({"demarches": [{"id": "x"}]}, "demarches[0].title"),
        ({"demarches": ["x"]}, "demarches[0]"),
        ({"visitor": None}, "visitor"),
        ({"visitor": {"birth_date": "2 janvier"}}, "visitor.birth_date"),
        ({"visitor": {"income": "900"}}, "visitor.income"),
        ({"visitor": {"identifiers": {"cpam": "1"}}}, "visitor.identifiers.cpam"),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, Any], named: str) -> None:
    assert fields_of(referral(**changed)) == [named]


def test_a_missing_field_is_named() -> None:
    form = referral()
    del form["text"]
    assert fields_of(form) == ["text"]


def test_a_field_it_does_not_know_is_ignored() -> None:
    assert fields_of(referral(colour="blue")) == []


def test_a_visitor_field_the_agency_may_not_know_is_refused() -> None:
    form = referral(visitor={"given_name": "Awa", "birth_date": "1950-01-02"})
    permitted = ALL_VISITOR_FIELDS - {"birth_date"}
    assert fields_of(form, permitted) == ["visitor.birth_date"]


@pytest.mark.parametrize("body", [b"", b"[]", b'"a"', b"{", b"\xff\xfe", b"[" * 5000])
def test_what_is_not_a_json_object_is_not_a_form(body: bytes) -> None:
    with pytest.raises(NotAForm):
        parse_object(body)


def test_an_answer_without_text_is_refused() -> None:
    wrong = wrong_in_answer({"answer_id": "a", "answered_at": "2026-11-23T10:00:00Z"})
    assert [each["field"] for each in wrong] == ["text"]
