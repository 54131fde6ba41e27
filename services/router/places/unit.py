"""PURE: which part of a partner serves a place."""

import re
from dataclasses import dataclass

from services.router.places.place import Commune, Place, department_name

# The family and health branches' own départements; the others (Saint-Pierre-et-Miquelon, the
# Pacific) have funds of their own. Saint-Barthélemy and Saint-Martin are Guadeloupe's.
_SERVED_BY = {"977": "971", "978": "971"}
_OWN_FUNDS = frozenset(("975", "984", "986", "987", "988", "989"))
# Overseas the CPAM is the general fund of social security (CGSS), in Mayotte the only fund (CSSM).
_CGSS = frozenset(("971", "972", "973", "974"))
_CSSM = "976"

_VOWEL = re.compile(r"[AEIOUYÀÂÄÉÈÊËÎÏÔÖŒÙÛÜ]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Unit:
    """`id`: an INSEE code (mairie) or a département (caf, cpam), as in the partner's directory."""

    id: str
    name: str


def unit_at(partner_id: str, place: Place) -> Unit | None:
    """The unit of a partner that serves the place; None when unknown, or when it has no units."""
    if partner_id == "mairie":
        return _mairie(place.commune) if place.commune is not None else None
    if partner_id not in ("caf", "cpam"):
        return None
    if place.department is None or place.department in _OWN_FUNDS:
        return None
    department = _SERVED_BY.get(place.department, place.department)
    return Unit(department, _fund_name(partner_id, department))


def ccas_name(place: Place) -> str | None:
    """ "CCAS de Montreuil": who gives there what the CASVP gives in Paris; None when unknown."""
    commune = place.commune
    if commune is None:
        return None
    return f"CCAS {_of(commune.arrondissement[0] if commune.arrondissement else commune.name)}"


def _mairie(commune: Commune) -> Unit:
    if commune.arrondissement is None:
        return Unit(commune.insee, f"Mairie {_of(commune.name)}")
    city, number = commune.arrondissement
    return Unit(commune.insee, f"Mairie du {number} arrondissement de {city}")


def _fund_name(partner_id: str, department: str) -> str:
    fund = partner_id.upper()
    if department == _CSSM:
        fund = "CSSM"
    elif partner_id == "cpam" and department in _CGSS:
        fund = "CGSS"
    return f"{fund} : {department_name(department)} ({department})"


def _of(name: str) -> str:
    """ "d'Aubervilliers", "du Havre", "des Lilas", "de La Rochelle"."""
    if name.startswith("Le "):
        return "du " + name.removeprefix("Le ")
    if name.startswith("Les "):
        return "des " + name.removeprefix("Les ")
    return f"d'{name}" if _VOWEL.match(name) else f"de {name}"
