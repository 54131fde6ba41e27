"""PURE: a visitor's text → the needs in it, each with its démarche, its reason and its spans."""

import math
from collections.abc import Sequence

from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.classification.danger import danger_number, with_a_human
from services.router.classification.joined import join
from services.router.classification.matching import Match, Reading, read
from services.router.classification.result import BodyFound, Classification, Need, Span
from services.router.classification.scoring import (
    OWN_DESK,
    Candidate,
    candidates_of,
    is_body,
    parts_of,
    with_stand_ins,
)

AT_ONCE = 256
"""How many texts the model weighs at a time."""
VAGUE = f"{OWN_DESK}.autre"

# The house's own help that gives way when the text says with whom the trouble is ("I can't do it
# on the CAF's website" is the CAF's); the other own démarches stand beside an agency's.
_GIVES_WAY = frozenset(f"{OWN_DESK}.{name}" for name in ("remplir_formulaire", "autre", "budget"))
_STANDS_IF_APART = frozenset(f"{OWN_DESK}.{name}" for name in ("appareil", "comprendre_courrier"))

_PROBABILITY_STEEPNESS = 1.5
_LIKENESS_PROBABILITY = 0.45
_CLEAR_LIKENESS_PROBABILITY = 0.6
_VAGUE_CONFIDENCE = 0.3
_COST_OF_A_WRONG_READING = 2.2  # in human looks; where there is no model to say better


def classify(
    text: str,
    *,
    catalogue: CompiledCatalogue,
    language: str | None = None,  # noqa: ARG001 - the words tell it
    postcode: str | None = None,  # noqa: ARG001 - the place is a routing rule
    channel: str | None = None,  # noqa: ARG001 - agents' shorthand is opened for everyone
) -> Classification:
    """The best reading of any text, in a few milliseconds; raises nothing on a str.

    What the catalogue finds, weighed by the trained model where there is one.
    """
    return classify_all([text], catalogue=catalogue)[0]


def classify_all(texts: Sequence[str], *, catalogue: CompiledCatalogue) -> list[Classification]:
    """The same for many texts, in their order; quicker than one by one, in bounded memory."""
    return [
        answer
        for first in range(0, len(texts), AT_ONCE)
        for answer in _classify_at_once(texts[first : first + AT_ONCE], catalogue)
    ]


def _classify_at_once(texts: Sequence[str], catalogue: CompiledCatalogue) -> list[Classification]:
    read = [classify_lexically(text, catalogue=catalogue) for text in texts]
    if catalogue.model is not None:
        return join(read, model=catalogue.model)
    return [
        lexical if lexical.danger is None else with_a_human(lexical, lexical.danger)
        for lexical, _ in read
    ]


def classify_lexically(
    text: str, *, catalogue: CompiledCatalogue
) -> tuple[Classification, Reading]:
    """What the catalogue alone makes of a text, and how it read it.

    `confidence` is the lowest probability among what was found: one doubtful need makes the whole
    answer doubtful, since a wrong agency costs more than a human's two minutes.
    """
    reading = with_stand_ins(read(text, catalogue=catalogue), catalogue=catalogue)
    found = candidates_of(reading, catalogue=catalogue)
    found = _without_own_help_beside(_without_consequences(found, catalogue), reading)
    danger = danger_number(reading.matches, reading.forms)
    needs = tuple(_need(c, reading) for c in found if not is_body(c))
    if not found:
        needs = (Need(VAGUE, OWN_DESK, _VAGUE_CONFIDENCE, (), "vague"),)
    confidence = _confidence(found)
    lexical = Classification(
        needs=needs,
        bodies=tuple(_body(c, reading) for c in found if is_body(c)),
        urgent=danger is not None or _is_harm(found, reading, catalogue),
        danger=danger,
        confidence=confidence,
        vague=all(c.entry.id == VAGUE for c in found),
        routing_cost=(1 - confidence) * _COST_OF_A_WRONG_READING,
        model_version=catalogue.model_version,
    )
    return lexical, reading


def _is_harm(found: list[Candidate], reading: Reading, catalogue: CompiledCatalogue) -> bool:
    """A need that is urgent by itself, or that stands with one of its own signs of urgency."""
    needs = {candidate.entry for candidate in found}
    by_itself = any(c.entry.id in catalogue.harms and c.reason != "agency_named" for c in found)
    return by_itself or any(m.kind == "urgent" and m.entry in needs for m in reading.matches)


def _without_consequences(found: list[Candidate], catalogue: CompiledCatalogue) -> list[Candidate]:
    """Nothing to eat because the RSA stopped: it is the RSA that must be put right."""
    causes = [c for c in found if c.entry.id not in catalogue.consequences]
    asked = any(not is_body(c) and c.entry.partner != OWN_DESK for c in causes)
    return causes if asked else found


def _without_own_help_beside(found: list[Candidate], reading: Reading) -> list[Candidate]:
    """The house's own help gives way beside an agency, unless it is asked for apart from it."""
    others = [c for c in found if c.entry.partner != OWN_DESK]
    if not others or len(others) == len(found):
        return found
    only_bodies = all(is_body(c) for c in others)
    parts = parts_of(reading)
    elsewhere = {parts[index] for c in others for match in c.matches for index in match.at}
    return [
        c
        for c in found
        if c.entry.id not in _GIVES_WAY | _STANDS_IF_APART
        or (
            c.entry.id in _STANDS_IF_APART
            and not only_bodies
            and elsewhere.isdisjoint(parts[index] for match in c.matches for index in match.at)
        )
    ]


def _confidence(found: list[Candidate]) -> float:
    deciding = [c for c in found if not is_body(c)] or found
    if not deciding:
        return _VAGUE_CONFIDENCE
    return round(min(_probability(candidate) for candidate in deciding), 3)


def _probability(candidate: Candidate) -> float:
    if candidate.reason == "clear_likeness":
        return _CLEAR_LIKENESS_PROBABILITY
    if candidate.reason == "likeness":
        return _LIKENESS_PROBABILITY * min(1.0, candidate.score)
    return round(1 - math.exp(-_PROBABILITY_STEEPNESS * candidate.score), 3)


def _need(candidate: Candidate, reading: Reading) -> Need:
    return Need(
        demarche=candidate.entry.id,
        partner=candidate.entry.partner,
        probability=_probability(candidate),
        spans=_spans(candidate.matches, reading),
        reason=candidate.reason,
    )


def _body(candidate: Candidate, reading: Reading) -> BodyFound:
    return BodyFound(
        id=candidate.entry.id,
        probability=_probability(candidate),
        spans=_spans(candidate.matches, reading),
        reason=candidate.reason,
    )


def _spans(matches: tuple[Match, ...], reading: Reading) -> tuple[Span, ...]:
    """The words that decided, joined where they touch."""
    indices = sorted({index for match in matches for index in match.at})
    spans: list[Span] = []
    last = -2
    for index in indices:
        start, end = reading.places[index]
        if spans and index == last + 1:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        elif not spans or start >= spans[-1][1]:
            spans.append((start, end))
        last = index
    return tuple(spans)
