"""A text with what people said of it: what training reads; plain data.

`training/train.py` turns these into a model: `train(texts) -> TrainedModel`, and
`evaluate(model, texts) -> Scores`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LabelledText:
    """`agencies`: the right ones, `hors_perimetre` alone; empty when only wrong ones are known."""

    text: str
    agencies: frozenset[str]
    not_agencies: frozenset[str] = frozenset()
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """How well a model does on some texts; `macro_f1` (0…1) is what models are compared by."""

    texts: int
    macro_f1: float
    others: Mapping[str, float] = field(default_factory=dict)
    """By name, such as `exact_set`; told, not decided on."""


class TrainedModel(Protocol):
    """A model ready to be written: its version, and the bytes of its file."""

    @property
    def version(self) -> str: ...

    @property
    def file(self) -> bytes: ...
