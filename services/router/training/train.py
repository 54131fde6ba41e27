"""Train the router's model: scikit-learn fits, `classification/linear_model.py` runs.

The second step is fitted on what the first says of texts it was not fitted on (five folds):
fitted on its own texts it would take the first step for surer than it is. For the same reason
it leaves out the texts that the catalogue was tuned on.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from services.router.classification.classify import classify_lexically
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.classification.joined import joined_features
from services.router.classification.linear_model import (
    LABELS,
    URGENT,
    Floats,
    LinearModel,
    read_model,
    write_model,
)
from services.router.classification.ngrams import (
    SIZE,
    clauses_of,
    ngrams_within,
    pairs_of,
)
from services.router.learning.labelled_text import LabelledText

_FOLDS = 5
_SEED = 20261123
_FIRST_STRENGTH = 20.0
_SECOND_STRENGTH = 1.0
_LEAST_TEXTS = 2
"""An n-gram of a single text says more of that text than of a need."""

Matrix = Any  # scipy's sparse matrices come without types


def train(texts: Sequence[LabelledText], *, compiled: CompiledCatalogue) -> LinearModel:
    """The model of these texts; the same texts and catalogue always give the same model.

    Texts of which only wrong agencies are known are left out. About a minute for 3,000 texts.
    """
    usable = [text for text in texts if text.agencies]
    readings = [classify_lexically(text.text, catalogue=compiled) for text in usable]
    forms = [[word.form for word in words] for _, words in readings]
    ngrams = [_ngrams(text, parts=[(0, len(text))]) for text in forms]
    counted = _counted([text for whole in ngrams for text in whole])
    present = np.asarray((counted > 0).sum(axis=0)).ravel()
    idf = np.where(
        present >= _LEAST_TEXTS, np.log((1 + len(usable)) / (1 + present)) + 1, 0.0
    ).astype(np.float32)
    features = _weighed(counted, idf)
    right = np.array([[_is_right(label, text) for label in LABELS] for text in usable])
    clauses = [_ngrams(text, parts=clauses_of(text)) for text in forms]
    clause_features = _weighed(_counted([clause for text in clauses for clause in text]), idf)
    owner = np.repeat(np.arange(len(clauses)), [len(text) for text in clauses])
    out_of_fold, of_clauses = _scores_out_of_fold(features, clause_features, owner, right)
    joined = np.stack(
        [
            joined_features(lexical, first, clause)
            for (lexical, _), first, clause in zip(readings, out_of_fold, of_clauses, strict=True)
        ]
    )
    first = [_fit(features, right[:, label], _FIRST_STRENGTH) for label in range(len(LABELS))]
    fair = np.array([not text.catalogue_knows_it for text in usable])
    second = [
        _fit(joined[fair, label, :], right[fair, label], _SECOND_STRENGTH)
        for label in range(len(LABELS))
    ]
    model = LinearModel(
        version="",
        idf=idf,
        weights=np.concatenate([fitted.coef_ for fitted in first]).T.astype(np.float32),
        bias=np.concatenate([fitted.intercept_ for fitted in first]).astype(np.float32),
        join_weights=np.concatenate([fitted.coef_ for fitted in second]).astype(np.float32),
        join_bias=np.concatenate([fitted.intercept_ for fitted in second]).astype(np.float32),
    )
    # As it will be read: in half precision, with its version.
    return read_model(write_model(model))


def _is_right(label: str, text: LabelledText) -> float:
    """1 or 0; not a number where nobody said."""
    if label == URGENT:
        return math.nan if text.urgent is None else float(text.urgent)
    return float(label in text.agencies)


def _ngrams(forms: Sequence[str], *, parts: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The n-grams that lie within each part of a text, as `LinearModel.scores` sums them."""
    pairs = pairs_of(forms)
    return [
        [
            *(ngram for form in forms[start:end] for ngram in ngrams_within(form)),
            *(pair.ngram for pair in pairs if pair.first >= start and pair.last < end),
        ]
        for start, end in parts
    ]


def _counted(texts: Sequence[Sequence[int]]) -> Matrix:
    places = np.array([ngram for text in texts for ngram in text], dtype=np.int64)
    starts = np.cumsum([0, *(len(text) for text in texts)])
    counted = sparse.csr_matrix(
        (np.ones(len(places), dtype=np.float32), places, starts), shape=(len(texts), SIZE)
    )
    counted.sum_duplicates()
    return counted


def _weighed(counted: Matrix, idf: Floats) -> Matrix:
    lengths = np.sqrt(np.maximum(counted @ (idf**2), 1e-9))
    weighed: Matrix = sparse.diags(1 / lengths) @ counted @ sparse.diags(idf)
    return weighed.tocsr()


def _scores_out_of_fold(
    features: Matrix, clause_features: Matrix, owner: NDArray[np.int64], right: Floats
) -> tuple[Floats, Floats]:
    """Scores of texts, and the highest of their clauses, by models that had not seen them."""
    scores = np.zeros(right.shape, dtype=np.float32)
    highest = np.full(right.shape, -np.inf, dtype=np.float32)
    for seen, unseen in KFold(_FOLDS, shuffle=True, random_state=_SEED).split(right):
        for label in range(len(LABELS)):
            fitted = _fit(features[seen], right[seen, label], _FIRST_STRENGTH)
            scores[unseen, label] = fitted.decision_function(features[unseen])
            own = np.isin(owner, unseen)
            np.maximum.at(
                highest[:, label], owner[own], fitted.decision_function(clause_features[own])
            )
    return scores, highest


def _fit(features: Matrix | Floats, right: Floats, strength: float) -> LogisticRegression:
    known = ~np.isnan(right)
    fitted = LogisticRegression(C=strength, solver="liblinear", random_state=_SEED)
    return fitted.fit(features[known], right[known] > 0)
