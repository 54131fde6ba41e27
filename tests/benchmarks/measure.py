"""What a benchmark gives: one figure with its gate, and the error that a lost message is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Better = Literal["higher", "lower"]


class MessagesLost(Exception):
    """Something was lost or doubled: whatever was measured is worth nothing."""


@dataclass(frozen=True)
class Measure:
    """One figure. `gate` must be met, `aim` is where we want to be; None: no such number.

    `rounds` are the single figures that `value` sums up; `facts` is for whoever asks why.
    """

    id: str
    value: float
    unit: str
    better: Better
    gate: float | None = None
    aim: float | None = None
    rounds: Sequence[float] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def meets(self, limit: float | None) -> bool:
        """Whether the value is as good as the limit; no limit is always met."""
        if limit is None:
            return True
        return self.value >= limit if self.better == "higher" else self.value <= limit


@dataclass(frozen=True)
class Effort:
    """How much to measure. `say` tells a person what is going on."""

    quick: bool
    say: Callable[[str], None]

    def pick(self, *, full: int, quick: int) -> int:
        """A number of rounds, messages or seconds."""
        return quick if self.quick else full
