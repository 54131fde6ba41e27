"""PURE: the trained model: n-grams and the catalogue's reading → one probability per label.

Two steps, both linear. The first weighs n-grams (TF-IDF, unit length). The second joins each
label's first score with what the catalogue found; it is fitted on texts the first step had not
seen, so that what it gives are probabilities. `training/` makes it; numpy alone runs it.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from services.router.classification.ngrams import SIZE, clauses_of, ngrams_of

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

    def first_scores(self, forms: Sequence[str]) -> Floats:
        """What the n-grams say of each label, before joining; [n]."""
        ids, counts = ngrams_of(forms)
        values = counts * self.idf[ids]
        length = np.float32(np.sqrt(np.dot(values, values)))
        if not length:
            return self.bias
        scores = (values / length) @ self.weights[ids] + self.bias
        return scores.astype(np.float32)

    def clause_scores(self, forms: Sequence[str]) -> Floats:
        """The highest first score of each label among the text's clauses; [n]."""
        scores: Floats = np.max([self.first_scores(clause) for clause in clauses_of(forms)], axis=0)
        return scores

    def probabilities(self, joined: Floats) -> Floats:
        """From the joined features [n, m] to probabilities [n]."""
        scores = (self.join_weights * joined).sum(axis=1) + self.join_bias
        found: Floats = 1 / (1 + np.exp(-scores))
        return found

    @cached_property
    def label_index(self) -> dict[str, int]:
        return {label: index for index, label in enumerate(LABELS)}


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
    """Read a file's bytes; raises `UnusableModel`. The version is made of its content."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, EOFError) as error:
        raise UnusableModel(f"the model is no .npz file: {type(error).__name__}") from error
    missing = {"labels", "idf", "weights", "bias", "join_weights", "join_bias"} - found.keys()
    if missing:
        raise UnusableModel(f"the model lacks {', '.join(sorted(missing))}")
    if tuple(found["labels"]) != LABELS or found["weights"].shape != (SIZE, len(LABELS)):
        raise UnusableModel("the model was trained for other labels or another size")
    return LinearModel(
        version="linear-1+" + hashlib.sha256(content).hexdigest()[:8],
        **{name: found[name].astype(np.float32) for name in found if name != "labels"},
    )


def load_model() -> LinearModel | None:
    """The model of this distribution, or None where none was trained; raises `UnusableModel`."""
    file = resources.files("services.router.classification") / _FILE
    return read_model(file.read_bytes()) if file.is_file() else None
