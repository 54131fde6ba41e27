"""PURE: the trained model: n-grams and the catalogue's reading → one probability per label.

Two steps, both linear. The first weighs n-grams (TF-IDF, unit length). The second joins each
label's first score with what the catalogue found; it is fitted on texts the first step had not
seen, so that what it gives are probabilities. `training/` makes it; numpy alone runs it.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from services.router.classification.ngrams import SIZE, clauses_of, ngrams_within, pairs_of

Floats = NDArray[np.float32]

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
    "hors_perimetre",
)
URGENT = "urgent"
LABELS = (*AGENCIES, URGENT)
_FILE = "model.npz"
_ARRAYS = ("idf", "weights", "bias", "join_weights", "join_bias")
_SHORTEST = 1e-9
_SUREST = 30.0


class UnusableModel(ValueError):
    """The model's file is not one that this code can use; the text says why."""


@dataclass(frozen=True)
class LinearModel:
    """Read-only; safe to share between threads. `n` labels, `m` joined features."""

    version: str
    idf: Floats
    """[SIZE]"""
    weights: Floats
    """[SIZE, n]"""
    bias: Floats
    """[n]"""
    join_weights: Floats
    """[n, m]"""
    join_bias: Floats
    """[n]"""

    def scores(self, forms: Sequence[str]) -> tuple[Floats, Floats]:
        """What n-grams say of each label, before joining: of the whole text, and the most that
        any of its clauses says; [n] each."""
        if not forms:
            return self.bias, self.bias
        pairs = pairs_of(forms)
        rows = np.empty((len(forms) + len(pairs), len(LABELS) + 1), dtype=np.float32)
        for place, form in enumerate(forms):
            rows[place] = self._word(form)
        rows[len(forms) :] = self._weighed[[pair.ngram for pair in pairs]]
        firsts = np.array([*range(len(forms)), *(pair.first for pair in pairs)])
        lasts = np.array([*range(len(forms)), *(pair.last for pair in pairs)])
        parts = np.array([(0, len(forms)), *clauses_of(forms)])
        within = (firsts >= parts[:, :1]) & (lasts < parts[:, 1:])
        sums = within.astype(np.float32) @ rows
        lengths = np.sqrt(np.maximum(sums[:, -1:], _SHORTEST))
        scores = sums[:, :-1] / lengths + self.bias
        return scores[0], scores[1:].max(axis=0)

    @cached_property
    def _weighed(self) -> Floats:
        """The weights times idf, and idf² in one more column: the square of the length."""
        return np.column_stack((self.weights * self.idf[:, None], self.idf**2))

    @cached_property
    def _word(self) -> Callable[[str], Floats]:
        def word(form: str) -> Floats:
            summed: Floats = self._weighed[list(ngrams_within(form))].sum(axis=0)
            return summed

        return lru_cache(maxsize=16_384)(word)

    def weight_of(self, form: str, label: str) -> float:
        """How much one word speaks for a label."""
        return float(self._word(form)[LABELS.index(label)])

    def probabilities(self, joined: Floats) -> Floats:
        """From the joined features [n, m] to probabilities [n]."""
        scores = (self.join_weights * joined).sum(axis=1) + self.join_bias
        found: Floats = 1 / (1 + np.exp(-np.clip(scores, -_SUREST, _SUREST)))
        return found


def write_model(model: LinearModel) -> bytes:
    """The model as the bytes of a file without pickle; half precision is plenty."""
    file = io.BytesIO()
    np.savez_compressed(
        file,
        labels=np.array(LABELS),
        idf=model.idf.astype(np.float16),
        weights=model.weights.astype(np.float16),
        bias=model.bias,
        join_weights=model.join_weights,
        join_bias=model.join_bias,
    )
    return file.getvalue()


def read_model(content: bytes) -> LinearModel:
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
    return LinearModel(
        version="linear-1+" + digest.hexdigest()[:8],
        **{name: found[name].astype(np.float32) for name in _ARRAYS},
    )


def load_model() -> LinearModel | None:
    """The model of this distribution, or None where none was trained; raises `UnusableModel`."""
    file = resources.files("services.router.classification") / _FILE
    return read_model(file.read_bytes()) if file.is_file() else None
