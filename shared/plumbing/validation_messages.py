"""What is wrong with each field, in plain French, from pydantic's errors; the input unquoted."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic_core.core_schema import ErrorType

from shared.plumbing.problem_details import FieldError, FieldRefused

_FIELD_LENGTH = 120
_PLACES = frozenset({"body", "query", "path", "header", "cookie"})
_MADE_BY_PYDANTIC = frozenset(get_args(ErrorType))  # its English texts may quote the input
_GENERAL = "Cette valeur n’est pas acceptée."

_DATE = "Indiquez une date, sous la forme 1950-01-31."
_INSTANT = "Indiquez une date et une heure, sous la forme 2026-01-31T09:30:00+01:00."
_TEXT = "Indiquez un texte."
_WHOLE = "Indiquez un nombre entier."
_NUMBER = "Indiquez un nombre."
_CHOICE = "Choisissez une de ces valeurs : {expected}."
_OBJECT = "Indiquez un objet JSON."
_LIST = "Indiquez une liste."
_UUID = "Indiquez un identifiant UUID."
_YES_OR_NO = "Indiquez vrai ou faux (true, false)."

_MESSAGES = {
    "missing": "Ce champ est obligatoire.",
    "extra_forbidden": "Ce champ n’existe pas.",
    "string_type": _TEXT,
    "string_unicode": "Ce texte contient des caractères qui n’existent pas.",
    "string_too_short": "Il faut au moins {min_length} caractère(s).",
    "string_too_long": "Il faut au plus {max_length} caractères.",
    "string_pattern_mismatch": "Ce texte n’a pas la forme attendue.",
    "too_short": "Il faut au moins {min_length} élément(s).",
    "too_long": "Il faut au plus {max_length} élément(s).",
    "literal_error": _CHOICE,
    "enum": _CHOICE,
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": "Ce nombre est trop grand.",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "greater_than": "Il faut un nombre supérieur à {gt}.",
    "greater_than_equal": "Il faut un nombre d’au moins {ge}.",
    "less_than": "Il faut un nombre inférieur à {lt}.",
    "less_than_equal": "Il faut un nombre d’au plus {le}.",
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "date_past": "Il faut une date passée.",
    "date_future": "Il faut une date à venir.",
    "datetime_type": _INSTANT,
    "datetime_parsing": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "datetime_object_invalid": _INSTANT,
    "timezone_aware": _INSTANT,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "union_tag_invalid": "Choisissez une de ces valeurs : {expected_tags}.",
}


def field_errors(errors: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    """One message for each wrong field, in the order of the fields."""
    return [FieldError(field=_field(error["loc"]), message=_message(error)) for error in errors]


def _field(place: Sequence[int | str]) -> str:
    steps = place[1:] if len(place) > 1 and place[0] in _PLACES else place
    # A step may be a word the sender chose: keep it short and printable.
    named = ".".join(str(step) for step in steps)[:_FIELD_LENGTH]
    return "".join(letter if letter.isprintable() else "?" for letter in named)


def _message(error: Mapping[str, Any]) -> str:
    kind, details = error["type"], dict(error.get("ctx") or {})
    if template := _MESSAGES.get(kind):
        expected = str(details.get("expected", "")).replace(" or ", " ou ")
        return template.format(**{**details, "expected": expected})
    if isinstance(details.get("error"), FieldRefused):
        return str(details["error"])
    if kind not in _MADE_BY_PYDANTIC:
        return str(error["msg"])  # a PydanticCustomError: one of ours, in French
    return _GENERAL
