"""PURE: the trained model: n-grams and the catalogue's reading → one probability per label.

Two steps, both linear. The first weighs n-grams (TF-IDF, unit length), and beside them how each
agency that the text names is spoken of. The second joins each label's first scores with what the
catalogue found; it is fitted on texts the first step had not seen, so that what it gives are
probabilities. `training/` makes it; numpy alone runs it.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

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
DANGERS = ("15", "17", "18", "112", "3919", "3114", "gaz")
LABELS = (*AGENCIES, URGENT, *DANGERS)
MODEL_FILE = Path(__file__).with_name("model.npz")
_ARRAYS = (
    *("idf", "weights", "bias", "mention_weights", "mention_bias"),
    *("join_weights", "join_bias"),
)
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
    mention_weights: Floats
    """[SIZE]"""
    mention_bias: Floats
    """[1]"""
    join_weights: Floats
    """[n, m]"""
    join_bias: Floats
    """[n]"""

    def scores(self, forms: Sequence[str]) -> tuple[Floats, Floats]:
        """What n-grams say of each label, before joining: of the whole text, and the most that
        any of its clauses says; [n] each."""
        if not forms:
            return self.bias, self.bias
        words = np.concatenate([self._word(form) for form in forms]).reshape(len(forms), -1)
        pairs = pairs_of(forms)
        beside = self._weighed[pairs.ngrams]
        whole = self._scored(words.sum(axis=0) + beside.sum(axis=0))
        clauses = clauses_of(forms)
        if len(clauses) == 1 and clauses[0] == (0, len(forms)):
            return whole, whole
        starts, ends = np.array(clauses).T[:, :, None]
        at = np.arange(len(forms))
        within = (np.array(pairs.first) >= starts) & (np.array(pairs.last) < ends)
        sums = ((at >= starts) & (at < ends)).astype(np.float32) @ words
        sums += within.astype(np.float32) @ beside
        return whole, self._scored(sums).max(axis=0)

    def _scored(self, sums: Floats) -> Floats:
        """From summed weights, with the square of the length last, to scores."""
        lengths = np.sqrt(np.maximum(sums[..., -1:], _SHORTEST))
        return (sums[..., :-1] / lengths + self.bias).astype(np.float32)

    def mention_score(self, places: Sequence[int]) -> float:
        """Whether an agency spoken of like this is one that is meant; above 0: yes."""
        said = self.mention_weights[places].sum()
        return float(said / np.sqrt(len(places)) + self.mention_bias[0])

    @cached_property
    def _weighed(self) -> Floats:
        """The weights times idf, and idf² in one more column: the square of the length."""
        return np.column_stack((self.weights * self.idf[:, None], self.idf**2))

    @cached_property
    def _word(self) -> Callable[[str], Floats]:
        def word(form: str) -> Floats:
            summed: Floats = self._weighed[ngrams_within(form), :].sum(axis=0)
            return summed

        return lru_cache(maxsize=16_384)(word)

    def weight_of(self, form: str, label: str) -> float:
        """How much one word speaks for a label."""
        return float(self._word(form)[LABELS.index(label)])

    def probabilities(self, joined: Floats) -> Floats:
        """From the joined features [n, m] to probabilities [n]."""
        scores = np.einsum("nm,nm->n", self.join_weights, joined) + self.join_bias
        found: Floats = 1 / (1 + np.exp(-scores.clip(-_SUREST, _SUREST)))
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
        mention_weights=model.mention_weights.astype(np.float16),
        mention_bias=model.mention_bias,
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
        version="linear-2+" + digest.hexdigest()[:8],
        **{name: found[name].astype(np.float32) for name in _ARRAYS},
    )


def load_model() -> LinearModel | None:
    """The model of this distribution, or None where none was trained; raises `UnusableModel`."""
    return read_model(MODEL_FILE.read_bytes()) if MODEL_FILE.is_file() else None
