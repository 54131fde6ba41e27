"""Messages about fields: French, complete, and without the sender's words."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import pytest
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ErrorType

from shared.plumbing.validation_messages import _MESSAGES, field_errors


class Colour(StrEnum):
    RED = "red"


def refuse(value: str) -> str:
    raise PydanticCustomError("ours", "Ce code postal n’existe pas.")


def messages(kind: Any, value: object) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    return [error.message for error in field_errors(refused.value.errors())]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        (Annotated[str, Field(min_length=2)], "D", "Il faut au moins 2 caractère(s)."),
        (Annotated[str, Field(max_length=3)], "Dupont", "Il faut au plus 3 caractères."),
        (Annotated[list[int], Field(min_length=1)], [], "Il faut au moins 1 élément(s)."),
        (Annotated[list[int], Field(max_length=1)], [1, 2], "Il faut au plus 1 élément(s)."),
        (Annotated[int, Field(gt=5)], 1, "Il faut un nombre supérieur à 5."),
        (Annotated[int, Field(ge=5)], 1, "Il faut un nombre d’au moins 5."),
        (Annotated[int, Field(lt=5)], 9, "Il faut un nombre inférieur à 5."),
        (Annotated[int, Field(le=5)], 9, "Il faut un nombre d’au plus 5."),
        (Colour, "Dupont", "Choisissez une de ces valeurs : 'red'."),
        (Literal["a", "b"], "Dupont", "Choisissez une de ces valeurs : 'a' ou 'b'."),
        (UUID, "Dupont", "Indiquez un identifiant UUID."),
        (bool, "Dupont", "Indiquez vrai ou faux (true, false)."),
        (int, "Dupont", "Indiquez un nombre entier."),
        (int, 1.5, "Indiquez un nombre entier."),
        (int, "9" * 5000, "Ce nombre est trop grand."),
        (float, "Dupont", "Indiquez un nombre."),
        (date, "31/01/1950", "Indiquez une date, sous la forme 1950-01-31."),
        (
            Annotated[str, Field(min_length=1)],
            "\ud800",
            "Ce texte contient des caractères qui n’existent pas.",
        ),
        (
            Annotated[str, Field(pattern="^[0-9]+$")],
            "Dupont",
            "Ce texte n’a pas la forme attendue.",
        ),
        (dict[str, str], "Dupont", "Indiquez un objet JSON."),
        (bytes, 3, "Cette valeur n’est pas acceptée."),
    ],
)
def test_each_kind_of_mistake_is_explained(kind: Any, value: object, says: str) -> None:
    assert messages(kind, value) == [says]


@pytest.mark.parametrize("kind", [datetime, AwareDatetime])
def test_an_instant_is_explained_by_an_example(kind: Any) -> None:
    assert "2026-01-31T09:30:00+01:00" in messages(kind, "Dupont")[0]


def test_a_message_of_our_own_is_shown_as_it_is() -> None:
    from pydantic import AfterValidator

    assert messages(Annotated[str, AfterValidator(refuse)], "x") == ["Ce code postal n’existe pas."]


def test_every_translated_kind_exists() -> None:
    assert set(_MESSAGES) <= set(get_args(ErrorType))


def test_a_field_the_sender_invented_is_shown_short_and_printable() -> None:
    (error,) = field_errors(
        [{"type": "extra_forbidden", "loc": ("body", "a\x1b" + "b" * 500), "msg": "", "ctx": {}}]
    )
    assert error.field.startswith("a?b")
    assert len(error.field) == 120
