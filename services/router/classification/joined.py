"""PURE: the catalogue's reading and the trained model's probabilities → one classification.

The catalogue knows démarches, bodies and the words that decided; the model knows which of them
visitors really mean. Where they differ the model's probability decides on the agency, and the
catalogue still names the démarche.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

from services.router.classification.danger import is_said, with_a_human
from services.router.classification.finds import finds_of
from services.router.classification.joined_features import WEAK_REASONS, joined_features
from services.router.classification.matching import Reading
from services.router.classification.mentions import mentions_of
from services.router.classification.normalisation import STOPWORDS
from services.router.classification.result import BodyFound, Classification, Need, Span
from services.router.classification.trained_model import (
    AGENCIES,
    COLUMN,
    DANGERS,
    LABELS,
    OUTSIDE,
    URGENT,
    TrainedModel,
)

OWN_DESK = "accompagnement"
UNKNOWN_BODY = "autre_organisme"

INCLUDED_FROM = 0.4
LIKELY_FROM = 0.45
# In human looks at a triage screen (two minutes): a wrong agency makes the visitor wait for its
# refusal, a missing one for the visitor to come back. Chosen so that about one text in seven
# is looked at by a person; the model card says what that gives.
COST_OF_A_WRONG_AGENCY = 2.2
COST_OF_A_MISSING_AGENCY = 1.5
# An urgent case that waits costs far more than a case looked at first for nothing.
URGENT_FROM = 0.06
# A danger missed may cost a life, a false one costs a look.
DANGER_FROM = 0.25
_DECIDING_WORDS = 3
_PARTNERS = tuple(agency for agency in AGENCIES if agency != OUTSIDE)


def join(
    read: Sequence[tuple[Classification, Reading]], *, model: TrainedModel
) -> list[Classification]:
    """One reading of both for each text; no model argues away a danger that the catalogue sees.

    Nor does it see one in words that the catalogue read as denied or long past.
    """
    return [
        _joined(lexical, reading, chance=chance, model=model)
        for (lexical, reading), chance in zip(read, _chances(read, model=model), strict=True)
    ]


def _chances(
    read: Sequence[tuple[Classification, Reading]], *, model: TrainedModel
) -> Iterator[dict[str, float]]:
    """The probability of each label, for each text."""
    whole, clause = model.scores(
        [reading.forms for _, reading in read],
        finds=[finds_of(lexical, reading) for lexical, reading in read],
    )
    mentions = mentions_of([reading for _, reading in read])
    features = joined_features(
        [lexical for lexical, _ in read],
        whole=whole,
        clause=clause,
        mention_of=mentions.of,
        mention=model.mention_scores(mentions.places, mentions.which),
    )
    for chances in model.probabilities(features).tolist():
        yield dict(zip(LABELS, chances, strict=True))


def _joined(
    lexical: Classification, reading: Reading, *, chance: Mapping[str, float], model: TrainedModel
) -> Classification:
    version = f"{model.version}+{lexical.model_version}"
    if not any(_is_telling(form) for form in reading.forms):
        return lexical._replace(model_version=version)
    is_unclear = _is_unclear(lexical, chance)
    chosen = (OWN_DESK,) if is_unclear else _chosen(chance)
    # Of partners added since the training the catalogue alone knows: what it says stands.
    untrained = tuple(need for need in lexical.needs if need.partner not in COLUMN)
    if untrained:
        others = (a for a in chosen if a not in (OUTSIDE, OWN_DESK))
        chosen = tuple(a for a in others if chance[a] >= INCLUDED_FROM)
    needs = untrained + tuple(
        need
        for partner in chosen
        if partner != OUTSIDE
        for need in _needs(partner, lexical, reading, chance=chance[partner], model=model)
    )
    unexplained = any(not need.spans and need.reason == "model" for need in needs)
    joined = Classification(
        needs=needs,
        bodies=_bodies(lexical, chosen, chance=chance[OUTSIDE]),
        urgent=chance[URGENT] >= URGENT_FROM,
        danger=None,
        confidence=round(_chance_of_all(chance, chosen), 3),
        vague=unexplained or is_unclear or (chosen == (OWN_DESK,) and lexical.vague),
        routing_cost=round(_routing_cost(chance, chosen), 3),
        model_version=version,
    )
    danger = lexical.danger or (None if is_said(reading.matches) else _danger(chance))
    return joined if danger is None else with_a_human(joined, danger)


def _danger(chance: Mapping[str, float]) -> str | None:
    likeliest = max(DANGERS, key=chance.__getitem__)
    return likeliest if chance[likeliest] >= DANGER_FROM else None


@lru_cache(maxsize=16_384)
def _is_telling(form: str) -> bool:
    """A word of two letters or more, or a sign of a script of its own; no number, no time."""
    if form in STOPWORDS:
        return False
    if not form.isascii():
        return any(letter.isalpha() for letter in form)
    return len(set(form)) > 1 and sum(letter.isalpha() for letter in form) > 1


def _is_unclear(lexical: Classification, chance: Mapping[str, float]) -> bool:
    """No agency is likely and no name of the catalogue is said: the house asks what is meant."""
    named = lexical.bodies or any(need.reason not in WEAK_REASONS for need in lexical.needs)
    return not named and max(chance[agency] for agency in AGENCIES) < LIKELY_FROM


def _chosen(chance: Mapping[str, float]) -> tuple[str, ...]:
    """The likeliest set: the partners likely enough, one at least; or outside, alone."""
    inside = tuple(agency for agency in _PARTNERS if chance[agency] >= INCLUDED_FROM)
    inside = inside or (max(_PARTNERS, key=chance.__getitem__),)
    return max((inside, (OUTSIDE,)), key=lambda chosen: _chance_of_all(chance, chosen))


def _chance_of_all(chance: Mapping[str, float], chosen: tuple[str, ...]) -> float:
    """How likely it is that these agencies, all of them and no other, are right."""
    product = 1.0
    for agency in AGENCIES:
        product *= chance[agency] if agency in chosen else 1 - chance[agency]
    return product


def _routing_cost(chance: Mapping[str, float], chosen: tuple[str, ...]) -> float:
    """The cost to expect of sending to these agencies without a human's look."""
    wrong = sum(1 - chance[agency] for agency in chosen)
    missing = sum(chance[agency] for agency in AGENCIES if agency not in chosen)
    return wrong * COST_OF_A_WRONG_AGENCY + missing * COST_OF_A_MISSING_AGENCY


def _needs(
    partner: str,
    lexical: Classification,
    reading: Reading,
    *,
    chance: float,
    model: TrainedModel,
) -> list[Need]:
    told = [need for need in lexical.needs if need.partner == partner]
    if told:
        return [need._replace(probability=round(chance, 3)) for need in told]
    spans = _deciding_spans(partner, reading, model=model)
    return [Need(f"{partner}.autre", partner, round(chance, 3), spans, "model")]


def _bodies(
    lexical: Classification, chosen: tuple[str, ...], *, chance: float
) -> tuple[BodyFound, ...]:
    if OUTSIDE in chosen and not lexical.bodies:
        return (BodyFound(UNKNOWN_BODY, round(chance, 3), (), "model"),)
    return lexical.bodies


def _deciding_spans(partner: str, reading: Reading, *, model: TrainedModel) -> tuple[Span, ...]:
    """The few words whose letters spoke most for the partner."""
    said = [
        (model.weight_of(form, partner), place)
        for form, place in zip(reading.forms, reading.places, strict=True)
        if _is_telling(form)
    ]
    best = sorted(said, key=itemgetter(0), reverse=True)[:_DECIDING_WORDS]
    return tuple(sorted({place for weight, place in best if weight > 0}))
