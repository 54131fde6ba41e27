"""What would go to whom, before anything is asked: read and planned, never stored or sent."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.router.catalogue.entries import Catalogue, Danger, Demarche, PlaceRule
from services.router.catalogue_words import outside_bodies, title_of
from services.router.classification.classify import classify
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.classification.letter import LetterReading
from services.router.classification.result import Classification
from services.router.missing_facts import missing_facts
from services.router.partners import Partners
from services.router.places.place import Place, place_of
from services.router.routing_rules import Consent, HumanChoices, Plan, plan_referrals
from shared.contracts.events import OutsideBody

MOST_RIGHTS = 6
_BODY = "body:"


@dataclass(frozen=True, slots=True)
class MissingFacts:
    """What a person should still ask, for this agency to be able to act."""

    partner_id: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OtherRight:
    """A right that a person with this need often misses; `demarche_id` may be `body:<id>`."""

    demarche_id: str
    title: str
    partner_id: str | None  # None: a body outside
    because: str
    seen_from: str  # the démarche it stands beside


@dataclass(frozen=True, slots=True)
class Preview:
    plan: Plan
    confidence: float
    model_version: str
    titles: dict[str, str]
    """By démarche id."""
    places: dict[str, PlaceRule]
    """Which unit acts, by démarche id."""
    bodies: tuple[OutsideBody, ...]
    missing: tuple[MissingFacts, ...]
    other_rights: tuple[OtherRight, ...]
    call: Danger | None
    """Whom to call at once."""
    letter: LetterReading | None = None
    """What the text says as a letter, when that is what was asked."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the text. `given`: the visitor's filled-in fields (`missing_facts`)."""

    language: str | None = None
    postcode: str | None = None
    insee: str | None = None
    given: frozenset[str] = frozenset()


def preview_request(
    text: str,
    *,
    known: Known,
    catalogue: Catalogue,
    compiled: CompiledCatalogue,
    partners: Partners,
) -> Preview:
    """Plan as if the visitor agreed to all agencies concerned; a person then confirms."""
    reading = classify(text, catalogue=compiled, language=known.language, postcode=known.postcode)
    return preview_of(reading, text=text, known=known, catalogue=catalogue, partners=partners)


def preview_of(
    reading: Classification,
    *,
    text: str,
    known: Known,
    catalogue: Catalogue,
    partners: Partners,
    letter: LetterReading | None = None,
) -> Preview:
    """What a reading leads to, and what a person should know before it is sent."""
    plan = plan_referrals(
        reading,
        consent=Consent("concerned"),
        choices=HumanChoices(),
        postcode=known.postcode,
        insee=known.insee,
        known_partners=partners.served,
    )
    demarche_ids = (
        *(need.demarche_id for need in plan.needs),
        *(suggestion.demarche_id for suggestion in plan.suggestions),
        *((letter.demarche.demarche,) if letter and letter.demarche else ()),
    )
    place = place_of(postcode=known.postcode, insee=known.insee)
    return Preview(
        plan=plan,
        confidence=reading.confidence,
        model_version=reading.model_version,
        titles={id_: title_of(id_, catalogue=catalogue) for id_ in demarche_ids},
        places={id_: _place_rule(id_, catalogue=catalogue) for id_ in demarche_ids},
        bodies=outside_bodies(plan, catalogue=catalogue),
        missing=_missing(plan, text=text, given=known.given, catalogue=catalogue),
        other_rights=other_rights(plan, place=place, catalogue=catalogue),
        call=next((one for one in catalogue.dangers if one.number == plan.danger), None),
        letter=letter,
    )


def other_rights(plan: Plan, *, place: Place, catalogue: Catalogue) -> tuple[OtherRight, ...]:
    """What else to check for those needs: each right once, none that is asked for already.

    Rights of Paris alone are left out for those who surely live elsewhere.
    """
    asked = {need.demarche_id for need in plan.needs} | {_BODY + body.id for body in plan.bodies}
    elsewhere = place.department is not None and not place.in_paris
    found: dict[str, OtherRight] = {}
    for demarche in _demarches(plan, catalogue):
        for also in demarche.also_check:
            right = _right(also.demarche, also.because, seen_from=demarche.id, catalogue=catalogue)
            paris_only = _place_rule(right.demarche_id, catalogue=catalogue) == "paris"
            if right.demarche_id not in asked and not (paris_only and elsewhere):
                found.setdefault(right.demarche_id, right)
    return tuple(found.values())[:MOST_RIGHTS]


def _place_rule(demarche_id: str, *, catalogue: Catalogue) -> PlaceRule:
    """Its own rule, or its partner's; "anywhere" for what has no entry."""
    demarche = catalogue.demarches.get(demarche_id)
    if demarche is None:
        return "anywhere"
    return demarche.place or catalogue.partners[demarche.partner].place


def _right(meant: str, because: str, *, seen_from: str, catalogue: Catalogue) -> OtherRight:
    if meant.startswith(_BODY):
        body = catalogue.bodies[meant.removeprefix(_BODY)]
        return OtherRight(meant, body.name, None, because, seen_from)
    demarche = catalogue.demarches[meant]
    return OtherRight(meant, demarche.title, demarche.partner, because, seen_from)


def _missing(
    plan: Plan, *, text: str, given: frozenset[str], catalogue: Catalogue
) -> tuple[MissingFacts, ...]:
    by_partner: dict[str, list[Demarche]] = {}
    for demarche in _demarches(plan, catalogue):
        by_partner.setdefault(demarche.partner, []).append(demarche)
    asked = (
        MissingFacts(partner, missing_facts(demarches, text=text, given=given))
        for partner, demarches in by_partner.items()
    )
    return tuple(one for one in asked if one.facts)


def _demarches(plan: Plan, catalogue: Catalogue) -> Iterable[Demarche]:
    """Those of the plan's needs; a partner without entries has none."""
    known = (catalogue.demarches.get(need.demarche_id) for need in plan.needs)
    return [demarche for demarche in known if demarche is not None]
