"""Texts of two sets that say nearly the same in nearly the same words: a test set must have none.

Two texts are near when they share most of their three-word runs; a wording that a visitor's
sentence shares with thousands of others ("je n'ai pas reçu") does not make them so.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from services.router.classification.normalisation import folded_words
from services.router.training.texts import VisitorText

NEAR = 0.6
_RUN = 3


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two texts by their ids, and the share (0…1) of their runs that both have."""

    one: str
    other: str
    likeness: float


def near_duplicates(ones: Sequence[VisitorText], others: Sequence[VisitorText]) -> list[NearPair]:
    """Every near pair between two sets, the nearest first."""
    runs_of = {text.id: _runs(text.text) for text in (*ones, *others)}
    having: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for text in others:
        for run in runs_of[text.id]:
            having[run].append(text.id)
    pairs = [
        NearPair(text.id, other, likeness)
        for text in ones
        for other in {other for run in runs_of[text.id] for other in having[run]}
        if (likeness := _likeness(runs_of[text.id], runs_of[other])) >= NEAR
    ]
    return sorted(pairs, key=lambda pair: -pair.likeness)


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = folded_words(text)
    return frozenset(
        tuple(words[start : start + _RUN]) for start in range(max(1, len(words) - _RUN + 1))
    )


def _likeness(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    return len(one & other) / len(one | other)
