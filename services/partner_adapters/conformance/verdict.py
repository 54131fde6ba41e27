"""What came of a check. PURE."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Outcome = Literal["passed", "failed", "skipped"]


class Failed(Exception):
    """The system did not do what was expected; `str()` says what came instead."""


class NotSeen(Exception):
    """The occasion to look did not come; `str()` says which, and what could bring it."""


class CannotRun(Exception):
    """No check can be made at all: nothing answers there, or something is not set."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One check's result. `came` is why, when it is not passed."""

    number: int
    name: str
    outcome: Outcome
    expected: str
    came: str = ""
    passage: str
    """Where docs/partners/ says so."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """The results of one run, by number."""

    partner_id: str
    kind: str
    results: tuple[Result, ...]

    def count(self, outcome: Outcome) -> int:
        return sum(result.outcome == outcome for result in self.results)

    @property
    def passed(self) -> bool:
        """Whether nothing failed, and something was really looked at."""
        return self.count("failed") == 0 and self.count("passed") > 0

    def as_data(self) -> dict[str, Any]:
        """As JSON says it."""
        return {
            "partner": self.partner_id,
            "kind": self.kind,
            "conforms": self.passed,
            "passed": self.count("passed"),
            "failed": self.count("failed"),
            "skipped": self.count("skipped"),
            "checks": [asdict(result) for result in self.results],
        }
