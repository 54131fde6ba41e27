"""PURE: the catalogue's reading and the trained model's probabilities → one classification.

The catalogue knows démarches, bodies and the words that decided; the model knows which of them
visitors really mean. Where they differ the model's probability decides on the agency, and the
catalogue still names the démarche.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from services.router.classification.linear_model import (
    AGENCIES,
    LABELS,
    URGENT,
    Floats,
    LinearModel,
)
from services.router.classification.normalisation import STOPWORDS, Word
from services.router.classification.result import BodyFound, Classification, Need, Span

OUTSIDE = "hors_perimetre"
OWN_DESK = "accompagnement"
UNKNOWN_BODY = "autre_organisme"

INCLUDED_FROM = 0.3
# In human looks at a triage screen (two minutes): a wrong agency makes the visitor wait for its
# refusal, a missing one for the visitor to come back. Chosen so that about one text in seven
# is looked at by a person; the model card says what that gives.
COST_OF_A_WRONG_AGENCY = 1.7
COST_OF_A_MISSING_AGENCY = 1.15
# An urgent case that waits costs far more than a case looked at first for nothing.
URGENT_FROM = 0.25
_DECIDING_WORDS = 3
_WEAK_REASONS = frozenset(("likeness", "clear_likeness", "vague"))


def joined_features(lexical: Classification, first: Floats, clause: Floats) -> Floats:
    """What the second step sees of each label: [labels, 10]. Training and use share it.

    `first`: the first scores of the text; `clause`: the most that any of its clauses scores.
    """
    told = dict.fromkeys(LABELS, 0.0)
    weak = dict.fromkeys(LABELS, 0.0)
    for need in lexical.needs:
        if need.partner not in told:
            continue  # a partner added since the training
        told[need.partner] = max(told[need.partner], need.probability)
        weak[need.partner] = max(weak[need.partner], float(need.reason in _WEAK_REASONS))
    told[OUTSIDE] = max((body.probability for body in lexical.bodies), default=0.0)
    told[URGENT], weak[URGENT] = float(lexical.urgent), float(lexical.danger is not None)
    of_text = (
        float(len({need.partner for need in lexical.needs})),
        float(lexical.vague),
        float(bool(lexical.bodies)),
    )
    scores = dict(zip(LABELS, first.tolist(), strict=True))
    of_clauses = dict(zip(LABELS, clause.tolist(), strict=True))
    score_beside, told_beside = _best_beside(scores), _best_beside(told)
    rows = [
        (
            scores[label],
            of_clauses[label],
            told[label],
            float(told[label] > 0),
            weak[label],
            score_beside[label],
            told_beside[label],
            *of_text,
        )
        for label in LABELS
    ]
    return np.array(rows, dtype=np.float32)


def _best_beside(values: dict[str, float]) -> dict[str, float]:
    """For each label the highest value among the other agencies."""
    highest, second = sorted((values[agency] for agency in AGENCIES), reverse=True)[:2]
    best = max(AGENCIES, key=values.__getitem__)
    return {label: second if label == best else highest for label in LABELS}


def join(lexical: Classification, words: Sequence[Word], *, model: LinearModel) -> Classification:
    """One reading of both; danger is the catalogue's alone, so that no model can argue it away."""
    version = f"{model.version}+{lexical.model_version}"
    if lexical.danger is not None or not any(_is_telling(word) for word in words):
        return replace(lexical, model_version=version)
    features = joined_features(lexical, *model.scores([word.form for word in words]))
    probabilities = model.probabilities(features)
    chance = {label: float(p) for label, p in zip(LABELS, probabilities, strict=True)}
    chosen = _chosen(chance)
    # Of partners added since the training the catalogue alone knows: what it says stands.
    untrained = tuple(need for need in lexical.needs if need.partner not in LABELS)
    if untrained:
        chosen = tuple(a for a in chosen if a != OUTSIDE and chance[a] >= INCLUDED_FROM)
    needs = untrained + tuple(
        need
        for partner in chosen
        if partner != OUTSIDE
        for need in _needs(partner, lexical, words, chance=chance[partner], model=model)
    )
    bodies = _bodies(lexical, chosen, chance=chance[OUTSIDE])
    unexplained = any(not need.spans and need.reason == "model" for need in needs)
    return Classification(
        needs=needs,
        bodies=bodies,
        urgent=chance[URGENT] >= URGENT_FROM,
        danger=None,
        confidence=round(_chance_of_all(chance, chosen), 3),
        vague=unexplained or (chosen == (OWN_DESK,) and lexical.vague),
        routing_cost=round(_routing_cost(chance, chosen), 3),
        model_version=version,
    )


def _is_telling(word: Word) -> bool:
    return word.form not in STOPWORDS and any(letter.isalpha() for letter in word.form)


def _chosen(chance: dict[str, float]) -> tuple[str, ...]:
    """The likeliest set: the partners likely enough, one at least; or outside, alone."""
    partners = [agency for agency in AGENCIES if agency != OUTSIDE]
    inside = tuple(agency for agency in partners if chance[agency] >= INCLUDED_FROM)
    inside = inside or (max(partners, key=chance.__getitem__),)
    return max((inside, (OUTSIDE,)), key=lambda chosen: _chance_of_all(chance, chosen))


def _chance_of_all(chance: dict[str, float], chosen: tuple[str, ...]) -> float:
    """How likely it is that these agencies, all of them and no other, are right."""
    product = 1.0
    for agency in AGENCIES:
        product *= chance[agency] if agency in chosen else 1 - chance[agency]
    return product


def _routing_cost(chance: dict[str, float], chosen: tuple[str, ...]) -> float:
    """The cost to expect of sending to these agencies without a human's look."""
    wrong = sum(1 - chance[agency] for agency in chosen)
    missing = sum(chance[agency] for agency in AGENCIES if agency not in chosen)
    return wrong * COST_OF_A_WRONG_AGENCY + missing * COST_OF_A_MISSING_AGENCY


def _needs(
    partner: str,
    lexical: Classification,
    words: Sequence[Word],
    *,
    chance: float,
    model: LinearModel,
) -> list[Need]:
    told = [need for need in lexical.needs if need.partner == partner]
    if told:
        return [replace(need, probability=round(chance, 3)) for need in told]
    spans = _deciding_spans(partner, words, model=model)
    return [Need(f"{partner}.autre", partner, round(chance, 3), spans, "model")]


def _bodies(
    lexical: Classification, chosen: tuple[str, ...], *, chance: float
) -> tuple[BodyFound, ...]:
    if OUTSIDE in chosen and not lexical.bodies:
        return (BodyFound(UNKNOWN_BODY, round(chance, 3), (), "model"),)
    return lexical.bodies


def _deciding_spans(partner: str, words: Sequence[Word], *, model: LinearModel) -> tuple[Span, ...]:
    """The few words whose letters spoke most for the partner."""
    said = [(model.weight_of(word.form, partner), word) for word in words if _is_telling(word)]
    best = sorted(said, key=lambda pair: -pair[0])[:_DECIDING_WORDS]
    return tuple(sorted({(word.start, word.end) for weight, word in best if weight > 0}))
