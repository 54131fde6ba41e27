"""PURE: the first scores and the catalogue's finds → what the second step sees of each label."""

from collections.abc import Iterator, Sequence

import numpy as np

from services.router.classification.ngrams import Places
from services.router.classification.result import Classification
from services.router.classification.trained_model import (
    AGENCIES,
    COLUMN,
    LABELS,
    OUTSIDE,
    URGENT,
    Floats,
)

WEAK_REASONS = frozenset(("likeness", "clear_likeness", "vague"))
_OF_EACH = 15
_RIVALS = 4
_FEATURES = _OF_EACH + 4 * _RIVALS
_NOT_SPOKEN_OF = -4.0


def joined_features(
    lexical: Sequence[Classification],
    *,
    whole: Floats,
    clause: Floats,
    mention_of: Places,
    mention: Floats,
) -> Floats:
    """What the second step sees of each label of each text: [texts, labels, 31].

    Training and use share it. `whole`: the first scores of the texts, `clause`: the most that any
    of their clauses scores, [texts, labels] each; `mention_of`: the text and the label of each
    agency spoken of, [mentions, 2], and `mention`: its score, [mentions].
    """
    features = np.zeros((_FEATURES, len(lexical), len(LABELS)), dtype=np.float32)
    told, found, weak, spoken, said = features[2:7]
    for text, read in enumerate(lexical):
        for column, probability, is_weak in _told(read):
            told[text, column] = max(told[text, column], probability)
            weak[text, column] = max(weak[text, column], is_weak)
    spoken[tuple(mention_of.T)], said[tuple(mention_of.T)] = mention, 1.0
    found[:] = told > 0
    features[0], features[1] = whole, clause
    features[7], features[8] = told * whole, said * whole
    features[9], features[10] = _best_beside(whole), _best_beside(told)
    features[11] = _best_beside(np.where(said > 0, spoken, _NOT_SPOKEN_OF))
    of_texts = [
        (len({need.partner for need in read.needs}), read.vague, bool(read.bodies))
        for read in lexical
    ]
    features[12:_OF_EACH] = np.array(of_texts).T[:, :, None]
    rivals = np.concatenate([_highest(values) for values in (whole, clause, told, spoken)])
    features[_OF_EACH:] = rivals[:, :, None]
    return features.transpose(1, 2, 0)


def _told(lexical: Classification) -> Iterator[tuple[int, float, bool]]:
    """What the catalogue says of labels: the column, how surely, and whether on weak grounds."""
    for need in lexical.needs:
        if need.partner in COLUMN:  # not a partner added since the training
            yield COLUMN[need.partner], need.probability, need.reason in WEAK_REASONS
    for body in lexical.bodies:
        yield COLUMN[OUTSIDE], body.probability, False
    yield COLUMN[URGENT], lexical.urgent, lexical.danger is not None
    if lexical.danger is not None:
        yield COLUMN[lexical.danger], 1.0, False


def _best_beside(values: Floats) -> Floats:
    """For each label the highest value among the other agencies; [texts, labels] both."""
    of_agencies = values[:, : len(AGENCIES)]
    second, highest = np.partition(of_agencies, -2)[:, -2:].T
    beside = np.repeat(highest[:, None], values.shape[1], axis=1)
    beside[np.arange(len(values)), of_agencies.argmax(axis=1)] = second
    return beside


def _highest(values: Floats) -> Floats:
    """The highest values among the agencies, the highest first; [4, texts]."""
    highest: Floats = np.sort(values[:, : len(AGENCIES)], axis=1)[:, : -_RIVALS - 1 : -1].T
    return highest
