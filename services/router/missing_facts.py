"""PURE: what an agency needs to act, minus what the request gives already."""

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass

from services.router.catalogue.entries import Demarche
from services.router.classification.normalisation import folded_words

_EUROS = r"\d+ ?(?:euros?|€)"
_DATE = (
    r"\d{1,2}[/.-]\d{1,2}(?:[/.-]\d{2,4})?|\d{1,2}(?:er)? (?:janvier|février|fevrier|mars|avril|mai"
    r"|juin|juillet|août|aout|septembre|octobre|novembre|décembre|decembre)"
)
_NIR = r"\b[12378] ?\d{2} ?\d{2} ?\w{2} ?\d{3} ?\d{3}\b"


@dataclass(frozen=True, slots=True)
class _Source:
    """A fact that holds these words is given by these fields (all), or where the text matches."""

    words: tuple[str, ...]
    fields: frozenset[str] = frozenset()
    text: re.Pattern[str] | None = None


def _source(words: str, *, fields: str = "", text: str = "") -> _Source:
    pattern = re.compile(text, re.IGNORECASE) if text else None
    return _Source(tuple(folded_words(words)), frozenset(fields.split()), pattern)


# The first line that fits decides. A fact that no line knows is always asked for.
_SOURCES = (
    _source("numéro d'allocataire", fields="identifiers.caf", text=r"\b\d{7}\b"),
    _source("numéro de sécurité sociale", fields="identifiers.cpam", text=_NIR),
    _source("numéro de client", fields="identifiers.client", text=r"\b\d{9,10}\b"),
    _source("numéro unique", fields="identifiers.mairie", text=r"\b\d{18}\b"),
    _source("numéro de suivi", text=r"\b(?=\w*\d{4})[0-9A-Z]{11,15}\b"),
    _source("PDL", text=r"\b\d{14}\b"),
    _source("PCE", text=r"\b(?:\d{14}|GI\d{6})\b"),
    _source("dossier de voyage", text=r"\b(?=[A-Z]*\d?)[A-Z0-9]{6}\b.{0,40}\btrain\b"),
    _source("noms des parents"),
    _source("commune de naissance"),
    _source("date de naissance", fields="birth_date"),
    _source("nom et prénoms", fields="given_name family_name"),
    _source("code postal", fields="postcode"),
    _source("téléphone", fields="phone"),
    _source("adresse e-mail", fields="email"),
    _source("montant", text=_EUROS),
    _source("somme", text=_EUROS),
    _source("date", text=_DATE),
    _source("dates", text=_DATE),
)


def missing_facts(demarches: Iterable[Demarche], *, text: str, given: Set[str]) -> tuple[str, ...]:
    """The facts of these démarches to ask for, each once, in their order.

    `given`: names of the visitor's fields that are filled in (`birth_date`, `identifiers.caf`…).
    A fact "x ou y" is there when either is.
    """
    facts = dict.fromkeys(fact for demarche in demarches for fact in demarche.facts)
    return tuple(
        fact
        for fact in facts
        if not any(_is_given(one, text=text, given=given) for one in fact.split(" ou "))
    )


def _is_given(fact: str, *, text: str, given: Set[str]) -> bool:
    said = folded_words(fact)
    for source in _SOURCES:
        if _holds(said, source.words):
            by_field = bool(source.fields) and source.fields <= given
            return by_field or (source.text is not None and bool(source.text.search(text)))
    return False


def _holds(said: list[str], words: tuple[str, ...]) -> bool:
    return any(tuple(said[start : start + len(words)]) == words for start in range(len(said)))
