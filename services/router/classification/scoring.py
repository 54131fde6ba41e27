"""PURE: names found → the candidates of a text, best first, each with what decided.

One rule explains a word once: the best candidate takes its words, and the next one must stand on
words of its own. That is what makes two needs of two separate things, and one need of one.
"""

from itertools import accumulate
from typing import NamedTuple

import numpy as np

from services.router.classification.compiled_catalogue import BODY, OTHER, CompiledCatalogue, Entry
from services.router.classification.matching import Match, Reading, in_one_sentence
from services.router.classification.normalisation import stem
from services.router.classification.trained_model import Floats

# Chosen by hand; the model learns how far to trust what they give.
LEAST_SCORE = 0.65
OWN_DESK = "accompagnement"
_MORE_NAMES = (1.0, 0.4, 0.25)
_MORE_HINTS = (1.0, 0.7, 0.4)
_BRAND_BESIDE = 0.8
_BRAND_ELSEWHERE = 0.3
_BRAND_ALONE = 0.9
_LIKENESS = 0.5
_LEAST_LIKENESS = 0.22
_LEAST_LIKENESS_ALONE = 0.27  # where not one word of its names is said
_LEAST_WORDS_ALIKE = 3
_CLEAR_LIKENESS = 0.33
_CLEAR_LEAD = 2.2
_MOST_NEEDS = 8
_FOR_AN_ENTRY = frozenset(("name", "hint"))
_FOR_AN_AGENCY = frozenset(("brand", "topic"))

_CONNECTING = "et mais aussi puis ensuite sinon egalement plus ainsi car parce alors , ."
_CONNECTORS = frozenset(_CONNECTING.split())
_ENERGY = ("edf", "engie")
_DENYING = frozenset(("pas", "plus", "ni", "non", "sauf", "quitte"))
_DENIED_WITHIN = 3  # words
_POWER = frozenset(
    stem(word) for word in ("electricite", "electrique", "courant", "linky", "lumiere")
)


class Candidate(NamedTuple):
    entry: Entry
    score: float
    matches: tuple[Match, ...]
    reason: str  # "names", "names_and_agency", "agency_named", "(clear_)likeness"


class _Evidence(NamedTuple):
    """What speaks for each entry of one text."""

    likeness: Floats
    columns: dict[str, int]  # entry id → its place in `likeness`
    forms: list[str]
    # The strongest first.
    matches: dict[Entry, list[Match]]
    brands: dict[str, list[Match]]

    def likeness_to(self, entry: Entry) -> float:
        return float(self.likeness[self.columns[entry.id]])


def candidates_of(reading: Reading, *, catalogue: CompiledCatalogue) -> list[Candidate]:
    """The needs and bodies of a text; empty when nothing is known about it."""
    evidence = _evidence(reading, catalogue)
    found = _explain(evidence)
    # Beside a body's own matter, an agency's bare name is a place, a payer or an employer.
    if not any(is_body(candidate) for candidate in found):
        found += _agencies_alone(reading, evidence, found, catalogue)
    return found or _resembling(reading, evidence, catalogue)


def with_stand_ins(reading: Reading, *, catalogue: CompiledCatalogue) -> Reading:
    """The one energy supplier named sells both energies; another supplier named takes all."""
    matches = reading.matches
    bodies = {match.entry.id for match in matches if match.entry.is_body and match.kind == "name"}
    replaced = {partner for body in bodies for partner in catalogue.instead_of.get(body, ())}
    if not replaced and not any(match.entry.partner in _ENERGY for match in matches):
        return reading
    brands = {
        match.entry.partner
        for match in matches
        if match.kind == "brand" and not _is_denied(match, reading)
    }
    replaced -= brands
    energy = [partner for partner in _ENERGY if partner in brands]
    gas_apart = energy == ["edf"] and _is_gas_apart(matches, reading)
    only = energy[0] if len(energy) == 1 else None if energy else _energy_said(reading)
    if gas_apart:
        only = None
    sold = [
        _sold_by(only, match, catalogue)
        for match in matches
        if match.entry.partner not in replaced
        and match.entry.id not in replaced
        and not (
            match.kind == "topic" and energy and not (gas_apart and match.entry.partner == "engie")
        )
    ]
    return reading._replace(matches=sold)


def _is_denied(match: Match, reading: Reading) -> bool:
    """Not EDF, no longer at EDF, neither EDF nor…"""
    before = reading.forms[max(0, match.first - _DENIED_WITHIN) : match.first]
    return not _DENYING.isdisjoint(before)


def _is_gas_apart(matches: list[Match], reading: Reading) -> bool:
    """EDF for its electricity, and the gas of no named brand, as in EDF et le gaz."""
    parts = parts_of(reading)
    at_edf = {parts[m.first] for m in matches if m.kind == "brand" and m.entry.partner == "edf"}
    at_gas = {parts[index] for index, part in enumerate(reading.stems) if part == "gaz"}
    if at_gas <= at_edf:
        return False
    forms = reading.forms
    joined = any(form == "edf" and "gaz" in forms[i + 1 : i + 5] for i, form in enumerate(forms))
    return joined or not _POWER.isdisjoint(reading.stems)


def _energy_said(reading: Reading) -> str | None:
    """With no supplier named: gas is Engie's, electricity is EDF's."""
    gas, power = "gaz" in reading.stems, not _POWER.isdisjoint(reading.stems)
    if gas == power:
        return None
    return "engie" if gas else "edf"


def _sold_by(supplier: str | None, match: Match, catalogue: CompiledCatalogue) -> Match:
    if supplier is None or match.entry.partner not in _ENERGY or match.entry.partner == supplier:
        return match
    return match._replace(entry=catalogue.entries[catalogue.siblings[match.entry.id]])


def _evidence(reading: Reading, catalogue: CompiledCatalogue) -> _Evidence:
    matches: dict[Entry, list[Match]] = {}
    brands: dict[str, list[Match]] = {}
    for match in sorted(reading.matches, key=_strongest_first):
        if match.kind in _FOR_AN_ENTRY:
            matches.setdefault(match.entry, []).append(match)
    for match in reading.matches:
        if match.kind in _FOR_AN_AGENCY:
            brands.setdefault(match.entry.partner, []).append(match)
    likeness = _likeness(reading, catalogue)
    return _Evidence(likeness, catalogue.likeness.columns, reading.forms, matches, brands)


def _strongest_first(match: Match) -> tuple[float, int]:
    return -match.weight, match.first


def _likeness(reading: Reading, catalogue: CompiledCatalogue) -> Floats:
    """How much the text resembles each entry, 0…1."""
    content = [word for word in reading.known if not word.is_empty]
    rows = sorted({word.row for word in content if word.row is not None})
    alike: Floats = np.add.reduce(catalogue.likeness.weights.take(rows, axis=0), axis=0)
    alike /= (
        max(len({word.stem for word in content}), 4) ** 0.5 * 3.5
    )  # the usual idf of a word said
    return np.minimum(alike, 1.0, out=alike)


def _explain(evidence: _Evidence) -> list[Candidate]:
    """The best candidate takes its words; again, until nothing known is left."""
    taken: set[int] = set()
    found: list[Candidate] = []
    scored = {entry: _scored(entry, evidence, taken) for entry in evidence.matches}
    while len(found) < _MOST_NEEDS:
        standing = (candidate for candidate in scored.values() if candidate is not None)
        best = max(standing, key=_best_last, default=None)
        if best is None or best.score < LEAST_SCORE:
            break
        found.append(best)
        now = {index for match in best.matches if match.kind != "brand" for index in match.at}
        taken |= now
        del scored[best.entry]
        for entry, candidate in scored.items():
            if candidate is not None and any(
                not now.isdisjoint(match.at) for match in evidence.matches[entry]
            ):
                scored[entry] = _scored(entry, evidence, taken)
    return found


def _best_last(candidate: Candidate) -> tuple[float, str]:
    return candidate.score, candidate.entry.id


def _scored(entry: Entry, evidence: _Evidence, taken: set[int]) -> Candidate | None:
    brands = evidence.brands.get(entry.partner, [])  # of a body there is none
    matches = evidence.matches[entry]
    names = _apart([m for m in matches if m.kind == "name" and m.at.isdisjoint(taken)])
    if not names and not brands:
        return None
    hints = _apart([m for m in matches if m.kind == "hint" and (brands or m.at.isdisjoint(taken))])
    said = names + [brand for brand in brands if brand.kind == "topic"]
    hints = [hint for hint in hints if all(hint.at.isdisjoint(other.at) for other in said)]
    if not names and not hints:
        return None
    used = names + hints
    score = _falling(names, _MORE_NAMES) + _falling(hints, _MORE_HINTS)
    score += _LIKENESS * evidence.likeness_to(entry)
    if brands:
        beside = any(
            _are_beside(match, brand, evidence.forms) for brand in brands for match in used
        )
        score += _BRAND_BESIDE if beside else _BRAND_ELSEWHERE
    reason = "names_and_agency" if brands else "names"
    return Candidate(entry, score, tuple(used + brands[:1]), reason)


def _are_beside(match: Match, brand: Match, forms: list[str]) -> bool:
    """In the same sentence."""
    first, last = sorted((match.first, brand.first))
    return in_one_sentence(first, last, forms)


def _apart(matches: list[Match]) -> list[Match]:
    """Those, of the strongest first, that share no word."""
    if len(matches) < 2:
        return matches
    kept: list[Match] = []
    held: set[int] = set()
    for match in matches:
        if held.isdisjoint(match.at):
            held |= match.at
            kept.append(match)
    return kept


def _falling(matches: list[Match], shares: tuple[float, ...]) -> float:
    return sum(m.weight * share for m, share in zip(matches, shares, strict=False))


def _agencies_alone(
    reading: Reading,
    evidence: _Evidence,
    found: list[Candidate],
    catalogue: CompiledCatalogue,
) -> list[Candidate]:
    """An agency named in a part of the text that nothing else explains."""
    partners = {candidate.entry.partner for candidate in found}
    other = {name: said for name, said in evidence.brands.items() if name not in partners}
    if not other:
        return []
    parts = parts_of(reading)
    explained = _explained(found, parts)
    by_agencies = _explained([c for c in found if c.entry.partner != OWN_DESK], parts)
    alone = []
    for partner, brands in other.items():
        free = [
            brand
            for brand in brands
            # "a letter to the CAF" is the house's help AND the CAF's.
            if parts[brand.first] not in (by_agencies if brand.kind == "brand" else explained)
            and not (brand.kind == "topic" and found)
        ]
        if free if found else brands:
            entry = catalogue.entries[f"{partner}.{OTHER}"]
            score = _BRAND_ALONE * max(brand.weight for brand in brands)
            alone.append(Candidate(entry, score, tuple(brands[:2]), "agency_named"))
    return alone


def _explained(found: list[Candidate], parts: list[int]) -> set[int]:
    """The parts of the text that these candidates stand on."""
    return {parts[index] for c in found for match in c.matches for index in match.at}


def parts_of(reading: Reading) -> list[int]:
    """Which part of the text each word is in: a part ends at a pause or a connector."""
    return list(accumulate(form in _CONNECTORS for form in reading.forms))


def _resembling(
    reading: Reading, evidence: _Evidence, catalogue: CompiledCatalogue
) -> list[Candidate]:
    """No name at all: the entry the whole text resembles most, never surely."""
    if len(reading.content) < _LEAST_WORDS_ALIKE:
        return []
    values = evidence.likeness.copy()
    for entry, matches in evidence.matches.items():
        values[evidence.columns[entry.id]] += 0.1 * len(_apart(matches))
    column = int(values.argmax())
    score = float(values[column])
    best = catalogue.entries[catalogue.likeness.entries[column]]
    if score < (_LEAST_LIKENESS if best in evidence.matches else _LEAST_LIKENESS_ALONE):
        return []
    partners = catalogue.likeness.partners
    others = values[partners != partners[column]]
    is_clear = score >= _CLEAR_LIKENESS and score >= _CLEAR_LEAD * others.max(initial=0.0)
    reason = "clear_likeness" if is_clear else "likeness"
    return [Candidate(best, score, tuple(evidence.matches.get(best, ())), reason)]


def is_body(candidate: Candidate) -> bool:
    return candidate.entry.partner == BODY
