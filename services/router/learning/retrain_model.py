"""Train a model on what people decided, compare it with the present one, keep the better one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from services.router.learning.labelled_text import LabelledText
from services.router.learning.taught_texts import TaughtText

Model = TypeVar("Model")

COMPARED = ("macro_f1", "routed_precision", "urgent_recall")
"""The scores in which a new model may not be worse; each 0…1."""
_RECENT_SHARE = 0.2
_MOST_RECENT = 500

Scores = Mapping[str, float]
"""By name; at least `texts`, how many, and those of `COMPARED` that make sense for them."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Both models on the same texts; `present` is None when there is no model yet."""

    present: Scores | None
    candidate: Scores

    @property
    def worse_in(self) -> tuple[str, ...]:
        """The compared scores in which the candidate is worse."""
        if self.present is None:
            return ()
        return tuple(
            name for name in COMPARED if self.candidate.get(name, 0.0) < self.present.get(name, 0.0)
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of a training. `recent` is None while nobody has decided anything."""

    at: datetime
    own_texts: int
    """Texts of the distribution it was trained on."""
    taught: int
    """Texts that people's decisions labelled, among them."""
    only_wrong: int
    """Texts of which only wrong agencies are known."""
    fixed: Measured
    recent: Measured | None

    @property
    def is_better(self) -> bool:
        """Whether the candidate may replace the present model: worse in nothing, on both sets."""
        return not self.fixed.worse_in and (self.recent is None or not self.recent.worse_in)


@dataclass(frozen=True, slots=True)
class Retrained(Generic[Model]):
    candidate: Model
    comparison: Comparison


def retrain_model(
    taught: Sequence[TaughtText],
    *,
    own_texts: Sequence[LabelledText],
    present: Model | None,
    train: Callable[[Sequence[LabelledText]], Model],
    evaluate_fixed: Callable[[Model], Scores],
    evaluate: Callable[[Model, Sequence[LabelledText]], Scores],
    now: datetime,
) -> Retrained[Model]:
    """Train on our own texts and the older decisions; measure on the fixed and the newest ones.

    What is measured on is never trained on: of the decisions, the newest fifth (500 at most) is
    kept apart. Writes nothing.
    """
    decided = [each.text for each in sorted(taught, key=lambda each: each.at) if each.text.agencies]
    apart = min(_MOST_RECENT, round(len(decided) * _RECENT_SHARE)) or min(1, len(decided))
    older, recent = decided[: len(decided) - apart], decided[len(decided) - apart :]
    candidate = train([*own_texts, *older])

    def measured(scores_of: Callable[[Model], Scores]) -> Measured:
        return Measured(
            present=scores_of(present) if present is not None else None,
            candidate=scores_of(candidate),
        )

    return Retrained(
        candidate=candidate,
        comparison=Comparison(
            at=now,
            own_texts=len(own_texts),
            taught=len(older),
            only_wrong=len(taught) - len(decided),
            fixed=measured(evaluate_fixed),
            recent=measured(lambda model: evaluate(model, recent)) if recent else None,
        ),
    )
