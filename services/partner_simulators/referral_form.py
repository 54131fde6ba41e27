"""The form a referral must have: what an agency checks before it opens a file."""

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

Wrong = dict[str, str]
"""`{"field": "visitor.postcode", "message": "…"}`."""


class NotAForm(Exception):
    """The bytes are not a JSON object."""


ALL_VISITOR_FIELDS = frozenset(
    {
        "given_name",
        "family_name",
        "birth_date",
        "postcode",
        "phone",
        "email",
        "identifiers",
    }
)
MISSING = "champ obligatoire"
UNKNOWN = "champ inconnu"
NOT_FOR_US = "champ que nous ne devons pas recevoir"


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Raises NotAForm for anything else."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAForm from error
    if not isinstance(parsed, dict):
        raise NotAForm
    return parsed


def wrong_in_referral(
    form: dict[str, Any], *, partner_id: str, visitor_fields: frozenset[str]
) -> list[Wrong]:
    """Everything wrong in a referral, by field; empty when it can be filed."""
    wrong = list(_wrong_fields(form, _REFERRAL))
    demarches = form.get("demarches")
    if isinstance(demarches, list):
        for index, demarche in enumerate(demarches):
            wrong += _wrong_inside(f"demarches[{index}]", demarche, _DEMARCHE)
    visitor = form.get("visitor")
    if isinstance(visitor, dict):
        wrong += _wrong_in_visitor(visitor, partner_id=partner_id, permitted=visitor_fields)
    return wrong


def wrong_in_answer(form: dict[str, Any]) -> list[Wrong]:
    """Everything wrong in a visitor's answer."""
    return list(_wrong_fields(form, _ANSWER))


def wrong_in_withdrawal(form: dict[str, Any]) -> list[Wrong]:
    """Everything wrong in a withdrawal."""
    return list(_wrong_fields(form, _WITHDRAWAL))


Check = Callable[[Any], str | None]


def _text(longest: int) -> Check:
    message = f"texte de 1 à {longest} caractères attendu"
    return lambda value: None if isinstance(value, str) and 0 < len(value) <= longest else message


def _or_null(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _of_type(kind: type, message: str) -> Check:
    return lambda value: None if isinstance(value, kind) else message


def _parsed_by(parse: Callable[[str], object], message: str) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return message
        try:
            parse(value)
        except ValueError:
            return message
        return None

    return check


def _channel(value: Any) -> str | None:
    known = ("kiosk", "agent", "bus", "api")
    return None if value in known else f"l'un de : {', '.join(known)}"


def _moment_with_zone(value: str) -> None:
    if datetime.fromisoformat(value).tzinfo is None:
        raise ValueError


_IDENTIFIER = _parsed_by(UUID, "identifiant UUID attendu")
_MOMENT = _parsed_by(_moment_with_zone, "date et heure avec fuseau attendues")
_DAY = _parsed_by(date.fromisoformat, "date AAAA-MM-JJ attendue")

_REFERRAL: dict[str, Check] = {
    "referral_id": _IDENTIFIER,
    "case_reference": _text(40),
    "unit": _or_null(_text(40)),
    "urgent": _of_type(bool, "vrai ou faux attendu"),
    "channel": _channel,
    "language": _or_null(_text(40)),
    "taken_at": _MOMENT,
    "issued_at": _MOMENT,
    "demarches": _of_type(list, "liste attendue"),
    "text": _text(5000),
    "visitor": _of_type(dict, "objet attendu"),
}
_DEMARCHE: dict[str, Check] = {"id": _text(100), "title": _text(200)}
_ANSWER: dict[str, Check] = {
    "answer_id": _text(100),
    "text": _text(5000),
    "answered_at": _MOMENT,
}
_WITHDRAWAL: dict[str, Check] = {"withdrawn_at": _MOMENT}
_VISITOR: dict[str, Check] = {
    "given_name": _text(200),
    "family_name": _text(200),
    "birth_date": _DAY,
    "postcode": _text(10),
    "phone": _text(40),
    "email": _text(254),
    "identifiers": _of_type(dict, "objet attendu"),
}


def _wrong_fields(form: dict[str, Any], expected: dict[str, Check]) -> Iterator[Wrong]:
    """What is missing or wrong; a field that is not known is ignored, for forms grow."""
    for field, check in expected.items():
        message = check(form[field]) if field in form else MISSING
        if message is not None:
            yield {"field": field, "message": message}


def _wrong_inside(path: str, value: Any, expected: dict[str, Check]) -> list[Wrong]:
    if not isinstance(value, dict):
        return [{"field": path, "message": "objet attendu"}]
    return [
        {"field": f"{path}.{wrong['field']}", "message": wrong["message"]}
        for wrong in _wrong_fields(value, expected)
    ]


def _wrong_in_visitor(
    visitor: dict[str, Any], *, partner_id: str, permitted: frozenset[str]
) -> list[Wrong]:
    wrong: list[Wrong] = []
    for field, value in visitor.items():
        check = _VISITOR.get(field)
        if check is None:
            message: str | None = UNKNOWN
        elif field not in permitted:
            message = NOT_FOR_US
        else:
            message = check(value)
        if message is not None:
            wrong.append({"field": f"visitor.{field}", "message": message})
    identifiers = visitor.get("identifiers")
    if isinstance(identifiers, dict):
        wrong += [
            {"field": f"visitor.identifiers.{owner}", "message": NOT_FOR_US}
            for owner in identifiers
            if owner != partner_id
        ]
    return wrong
