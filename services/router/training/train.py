"""Train the router's model: scikit-learn fits, `classification/trained_model.py` runs.

The second step is fitted on what the first says of texts it was not fitted on (five folds):
fitted on its own texts it would take the first step for surer than it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from services.router.classification.classify import classify_lexically
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.classification.finds import finds_of
from services.router.classification.joined_features import joined_features
from services.router.classification.mentions import mentions_of
from services.router.classification.ngrams import (
    SIZE,
    clauses_of,
    code_of,
    ngrams_within,
    pairs_beside,
    pairs_telling,
)
from services.router.classification.normalisation import is_empty, stem
from services.router.classification.result import Classification
from services.router.classification.trained_model import (
    DANGERS,
    LABELS,
    URGENT,
    Find,
    Floats,
    TrainedModel,
    read_model,
    write_model,
)
from services.router.learning.labelled_text import LabelledText
from services.router.training.fit_networks import fit_networks

_FOLDS = 5
_SEED = 20261123
_FIRST_STRENGTH = 20.0
_MENTION_STRENGTH = 8.0
_LEAST_TEXTS = 2
"""An n-gram of a single text says more of that text than of a need."""

Matrix = Any  # scipy's sparse matrices come without types


@dataclass(frozen=True)
class _Texts:
    """What the two steps see of `n` texts, with `c` clauses and `m` mentions in all."""

    right: Floats
    """[n, labels]: 1, 0, or not a number where nobody said"""
    lexical: list[Classification]
    features: Matrix
    """[n, SIZE]"""
    clauses: Matrix
    """[c, SIZE]"""
    clause_of: NDArray[np.int64]
    """[c]: the text of each clause"""
    mentions: Matrix
    """[m, SIZE]"""
    mention_of: NDArray[np.int64]
    """[m, 2]: the text and the agency of each mention"""


def train(texts: Sequence[LabelledText], *, compiled: CompiledCatalogue) -> TrainedModel:
    """The model of these texts; the same texts and catalogue always give the same model.

    Texts of which only wrong agencies are known are left out. About five minutes for 47,000 texts.
    """
    usable = [text for text in texts if text.agencies]
    read, idf = _read(usable, compiled=compiled)
    first = _fit_first(read, np.arange(len(usable)))
    mention = _fit_mentions(read, np.arange(len(usable)))
    model = TrainedModel(
        version="",
        idf=idf,
        weights=np.concatenate([fitted.coef_ for fitted in first]).T.astype(np.float32),
        bias=np.concatenate([fitted.intercept_ for fitted in first]).astype(np.float32),
        mention_weights=mention.coef_[0].astype(np.float32),
        mention_bias=mention.intercept_.astype(np.float32),
        **fit_networks(_joined_out_of_fold(read), read.right),
    )
    # As it will be read: in half precision, with its version.
    return read_model(write_model(model))


def _read(texts: Sequence[LabelledText], *, compiled: CompiledCatalogue) -> tuple[_Texts, Floats]:
    """The texts as both steps see them, and the weight of each n-gram's rarity."""
    readings = [classify_lexically(text.text, catalogue=compiled) for text in texts]
    forms = [reading.forms for _, reading in readings]
    finds = [finds_of(lexical, reading) for lexical, reading in readings]
    counted = _counted(
        [
            _said(text, found, parts=[(0, len(text))])[0]
            for text, found in zip(forms, finds, strict=True)
        ]
    )
    present = np.asarray((counted > 0).sum(axis=0)).ravel()
    rarity = np.log((1 + len(texts)) / (1 + present)) + 1
    idf = np.where(present >= _LEAST_TEXTS, rarity, 0.0).astype(np.float32)
    clauses = [
        _said(text, found, parts=clauses_of(text)) for text, found in zip(forms, finds, strict=True)
    ]
    mentions = mentions_of([reading for _, reading in readings])
    said = sparse.csr_matrix(
        (np.ones(len(mentions.places), dtype=np.float32), (mentions.which, mentions.places)),
        shape=(len(mentions.of), SIZE),
    )
    read = _Texts(
        right=np.array([[_is_right(label, text) for label in LABELS] for text in texts]),
        lexical=[lexical for lexical, _ in readings],
        features=_weighed(counted, idf),
        clauses=_weighed(_counted([clause for text in clauses for clause in text]), idf),
        clause_of=np.repeat(np.arange(len(clauses)), [len(text) for text in clauses]),
        mentions=_weighed(said, np.ones(SIZE, dtype=np.float32)),
        mention_of=mentions.of,
    )
    return read, idf


def _joined_out_of_fold(read: _Texts) -> Floats:
    """The joined features of each text, its first scores by models that had not seen it."""
    whole = np.zeros(read.right.shape, dtype=np.float32)
    clause = np.full(read.right.shape, -np.inf, dtype=np.float32)
    mention = np.zeros(len(read.mention_of), dtype=np.float32)
    fold_of = np.arange(len(read.right)) % _FOLDS
    for fold in range(_FOLDS):
        unseen = np.flatnonzero(fold_of == fold)
        seen = np.flatnonzero(fold_of != fold)
        clauses = np.isin(read.clause_of, unseen)
        for label, fitted in enumerate(_fit_first(read, seen)):
            whole[unseen, label] = fitted.decision_function(read.features[unseen])
            most = fitted.decision_function(read.clauses[clauses])
            np.maximum.at(clause[:, label], read.clause_of[clauses], most)
        mentions = np.isin(read.mention_of[:, 0], unseen)
        mention[mentions] = _fit_mentions(read, seen).decision_function(read.mentions[mentions])
    return joined_features(
        read.lexical,
        whole=whole,
        clause=clause,
        mention_of=read.mention_of,
        mention=mention,
    )


def _fit_first(read: _Texts, texts: NDArray[np.int64]) -> list[LogisticRegression]:
    """One model per label."""
    return [
        _fit(read.features[texts], read.right[texts, label], _FIRST_STRENGTH)
        for label in range(len(LABELS))
    ]


def _fit_mentions(read: _Texts, texts: NDArray[np.int64]) -> LogisticRegression:
    """One model for all agencies: is the one spoken of one that is meant?"""
    seen = np.isin(read.mention_of[:, 0], texts)
    meant = read.right[read.mention_of[seen, 0], read.mention_of[seen, 1]]
    return _fit(read.mentions[seen], meant, _MENTION_STRENGTH)


def _is_right(label: str, text: LabelledText) -> float:
    """1 or 0; not a number where nobody said."""
    if label == URGENT or label in DANGERS:
        if text.urgent is None:
            return math.nan
        return float(text.urgent if label == URGENT else text.danger == label)
    return float(label in text.agencies)


def _said(
    forms: Sequence[str], finds: Sequence[Find], *, parts: Sequence[tuple[int, int]]
) -> list[list[int]]:
    """The n-grams and finds that lie within each part of a text, as `TrainedModel.scores` sums."""
    codes = np.array([code_of(stem(form)) for form in forms], dtype=np.uint64)
    telling = np.array([not is_empty(form) for form in forms], dtype=bool)
    return [
        [
            *(ngram for form in forms[start:end] for ngram in ngrams_within(form)),
            *pairs_beside(codes[start:end]),
            *pairs_telling(codes[start:end], telling[start:end]),
            *(find.place for find in finds if find.first >= start and find.last < end),
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


def _fit(features: Matrix | Floats, right: Floats, strength: float) -> LogisticRegression:
    known = ~np.isnan(right)
    fitted = LogisticRegression(C=strength, solver="liblinear", tol=1e-3, random_state=_SEED)
    return fitted.fit(features[known], right[known] > 0)
