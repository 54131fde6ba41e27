"""PURE: the trained model: n-grams and the catalogue's reading → one probability per label.

Two steps. The first is linear: it weighs n-grams and the catalogue's finds (TF-IDF, unit length),
and beside them how each agency that the text names is spoken of. The second joins each label's
first scores with those of its rivals and with what the catalogue found, by small networks that
all labels share (ARCHITECTURE, decision 13); it is fitted on texts the first step had not seen,
so that what it gives are probabilities. `training/` makes it; numpy alone runs it.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.router.classification.ngrams import (
    SIZE,
    Places,
    clauses_of,
    code_of,
    ngrams_within,
    pairs_beside,
    pairs_telling,
)
from services.router.classification.normalisation import is_empty, stem

Floats = NDArray[np.float32]

OUTSIDE = "hors_perimetre"
AGENCIES = (
    "caf",
    "cpam",
    "edf",
    "engie",
    "laposte",
    "sncf",
    "casvp",
    "mairie",
    "accompagnement",
    OUTSIDE,
)
URGENT = "urgent"
DANGERS = ("15", "17", "18", "112", "3919", "3114", "gaz")
LABELS = (*AGENCIES, URGENT, *DANGERS)
COLUMN = {label: column for column, label in enumerate(LABELS)}
MODEL_FILE = Path(__file__).with_name("model.npz")
_ARRAYS = (
    *("idf", "weights", "bias", "mention_weights", "mention_bias"),
    *("join_shift", "join_scale", "join_in", "join_label", "join_between", "join_between_bias"),
    *("join_out", "join_out_bias"),
)
_SHORTEST = 1e-9
_SUREST = 30.0
FURTHEST = 5.0
"""In deviations: what is further from the usual than training saw says no more than that."""


class Find(NamedTuple):
    """Something found in a text: its place as in `ngrams`, and its first and last words."""

    place: int
    first: int
    last: int


class _Word(NamedTuple):
    """What the first step asks of a word."""

    weighs: Floats
    """[1, n + 1]: the sum of its n-grams"""
    code: int
    is_telling: bool


class UnusableModel(ValueError):
    """The model's file is not one that this code can use; the text says why."""


@dataclass(frozen=True)
class TrainedModel:
    """Read-only; safe to share between threads.

    `n` labels, `m` joined features, `k` networks of `a` and then `b` neurons.
    """

    version: str
    idf: Floats
    """[SIZE]"""
    weights: Floats
    """[SIZE, n]"""
    bias: Floats
    """[n]"""
    mention_weights: Floats
    """[SIZE]"""
    mention_bias: Floats
    """[1]"""
    join_shift: Floats
    """[m]"""
    join_scale: Floats
    """[m]"""
    join_in: Floats
    """[k, m, a]"""
    join_label: Floats
    """[k, n, a]: where each label begins"""
    join_between: Floats
    """[k, a, b]"""
    join_between_bias: Floats
    """[k, b]"""
    join_out: Floats
    """[k, b]"""
    join_out_bias: Floats
    """[k]"""

    def scores(
        self, texts: Sequence[Sequence[str]], *, finds: Sequence[Sequence[Find]]
    ) -> tuple[Floats, Floats]:
        """What n-grams and finds say of each label, before joining: of each whole text, and the
        most that any of its clauses says; [texts, n] each."""
        begins = np.cumsum([0, *map(len, texts)])
        clauses = [clauses_of(forms) for forms in texts]
        first_of = np.cumsum([0, *map(len, clauses)])
        within = np.array(list(chain.from_iterable(clauses)))
        within += np.repeat(begins[:-1], np.diff(first_of))[:, None]
        wholes = np.column_stack((begins[:-1], begins[1:]))
        sums = self._sums(list(chain.from_iterable(texts)), np.concatenate((wholes, within)))
        sums += self._sums_of_finds(finds, wholes, within)
        lengths = np.sqrt(np.maximum(sums[:, -1:], _SHORTEST))
        scored = (sums[:, :-1] / lengths + self.bias).astype(np.float32)
        return scored[: len(texts)], np.maximum.reduceat(scored[len(texts) :], first_of[:-1])

    def _sums_of_finds(
        self, finds: Sequence[Sequence[Find]], texts: Places, clauses: Places
    ) -> NDArray[np.float64]:
        """What the finds in each text, then in each clause, weigh together: [t + c, n + 1].

        `texts` and `clauses`: where each begins and ends in the run of all words, [t, 2], [c, 2].
        """
        text_of = np.repeat(np.arange(len(texts)), list(map(len, finds)))
        each = np.fromiter(chain.from_iterable(chain.from_iterable(finds)), dtype=np.int64)
        places, firsts, lasts = each.reshape(-1, len(Find._fields)).T
        weighed, begins = self._weighed[places], texts[text_of, 0]
        clause_of = _within_which(clauses, firsts + begins, lasts + begins)
        return np.concatenate(
            (
                _summed_by(text_of, weighed, len(texts)),
                _summed_by(clause_of, weighed, len(clauses)),
            )
        )

    def _sums(self, forms: Sequence[str], parts: Places) -> NDArray[np.float64]:
        """What the n-grams in parts of one run of words weigh together: [p, n + 1].

        `parts`: where each begins and ends, [p, 2].
        """
        if not forms:
            return np.zeros((len(parts), self._weighed.shape[1]))
        begins, ends = parts.T
        place = {form: place for place, form in enumerate(dict.fromkeys(forms))}
        words = list(map(self._word, place))
        each = np.array([place[form] for form in forms])
        sums = _summed(np.concatenate([word.weighs for word in words])[each], begins, ends)
        codes = np.array([word.code for word in words], dtype=np.uint64)[each]
        # The pair of a part's last word reaches over its end, be it the end of a text.
        sums += _summed(self._weighed[pairs_beside(codes)], begins, ends - 1)
        telling = np.array([word.is_telling for word in words])[each]
        told = np.concatenate(([0], np.cumsum(telling)))
        pairs = self._weighed[pairs_telling(codes, telling)]
        sums += _summed(pairs, told[begins], told[ends] - 1)
        return sums

    def mention_scores(self, places: Places, which: Places) -> Floats:
        """Whether each agency spoken of like this is one that is meant; above 0: yes; [mentions]

        `places`: of what is said of them, and `which` of them it is said of, [p] each.
        """
        lengths = np.sqrt(np.bincount(which))
        scores = np.bincount(which, self.mention_weights[places]) / lengths + self.mention_bias
        return scores.astype(np.float32)

    @cached_property
    def _weighed(self) -> Floats:
        """The weights times idf, and idf² in one more column: the square of the length."""
        return np.column_stack((self.weights * self.idf[:, None], self.idf**2))

    @cached_property
    def _word(self) -> Callable[[str], _Word]:
        def word(form: str) -> _Word:
            summed: Floats = self._weighed[ngrams_within(form)].sum(axis=0, keepdims=True)
            return _Word(summed, code_of(stem(form)), not is_empty(form))

        return lru_cache(maxsize=16_384)(word)

    def weight_of(self, form: str, label: str) -> float:
        """How much one word speaks for a label."""
        return float(self._word(form).weighs[0, COLUMN[label]])

    def probabilities(self, joined: Floats) -> Floats:
        """From the joined features [texts, n, m] to probabilities [texts, n]."""
        usual = ((joined - self.join_shift) / self.join_scale).clip(-FURTHEST, FURTHEST)
        texts, labels, features = joined.shape
        first = usual.reshape(-1, features) @ self.join_in
        first = first.reshape(len(first), texts, labels, -1) + self.join_label[:, None]
        first = np.maximum(first, 0).reshape(len(first), texts * labels, -1)
        second = np.maximum(first @ self.join_between + self.join_between_bias[:, None], 0)
        scores = (second @ self.join_out[:, :, None])[:, :, 0] + self.join_out_bias[:, None]
        found: Floats = (1 / (1 + np.exp(-scores.clip(-_SUREST, _SUREST)))).mean(axis=0)
        return found.reshape(texts, labels)


def _summed(rows: Floats, begins: Places, ends: Places) -> NDArray[np.float64]:
    """The sum of the rows from each beginning to its end; 0 where there is none between."""
    totals = np.zeros((len(rows) + 1, rows.shape[1]))
    np.cumsum(rows, axis=0, out=totals[1:])
    begins = np.minimum(begins, len(rows))
    sums: NDArray[np.float64] = totals[np.maximum(begins, ends)] - totals[begins]
    return sums


def _summed_by(which: Places, rows: Floats, count: int) -> NDArray[np.float64]:
    """The sum of the rows of each of `count`; `which` of them each row is of, or -1: of none."""
    order = np.argsort(which, kind="stable")
    ends = np.searchsorted(which[order], np.arange(count + 1))
    return _summed(rows[order], ends[:-1], ends[1:])


def _within_which(parts: Places, firsts: Places, lasts: Places) -> Places:
    """Which of the parts, in their order, holds each span of words whole; -1 where none does."""
    part = np.searchsorted(parts[:, 0], firsts, side="right") - 1
    holds = (part >= 0) & (lasts < parts[part, 1])
    return np.where(holds, part, -1)


def write_model(model: TrainedModel) -> bytes:
    """The model as the bytes of a file without pickle; half precision is plenty."""
    file = io.BytesIO()
    np.savez_compressed(
        file,
        labels=np.array(LABELS),
        idf=model.idf.astype(np.float16),
        weights=model.weights.astype(np.float16),
        bias=model.bias,
        mention_weights=model.mention_weights.astype(np.float16),
        mention_bias=model.mention_bias,
        **{name: getattr(model, name) for name in _ARRAYS if name.startswith("join_")},
    )
    return file.getvalue()


def read_model(content: bytes) -> TrainedModel:
    """Read a file's bytes; raises `UnusableModel`. The version is made of its figures."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, EOFError) as error:
        raise UnusableModel(f"the model is no .npz file: {type(error).__name__}") from error
    missing = {"labels", *_ARRAYS} - found.keys()
    if missing:
        raise UnusableModel(f"the model lacks {', '.join(sorted(missing))}")
    if tuple(found["labels"]) != LABELS or found["weights"].shape != (SIZE, len(LABELS)):
        raise UnusableModel("the model was trained for other labels or another size")
    # Of the figures, not of the file: the same training gives the same version everywhere.
    digest = hashlib.sha256(b"".join(found[name].tobytes() for name in _ARRAYS))
    # In order C, an n-gram's weights lie side by side.
    return TrainedModel(
        version="joined-3+" + digest.hexdigest()[:8],
        **{name: found[name].astype(np.float32, order="C") for name in _ARRAYS},
    )


def load_model(file: Path | None = None) -> TrainedModel | None:
    """The model of this file where there is one yet, else that of this distribution.

    None where none was ever trained; raises `UnusableModel`.
    """
    found = file if file is not None and file.is_file() else MODEL_FILE
    return read_model(found.read_bytes()) if found.is_file() else None
