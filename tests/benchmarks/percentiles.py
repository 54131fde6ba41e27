"""Percentiles by nearest rank, so that each is a value that was really seen."""

from collections.abc import Iterable, Mapping


def percentiles(values: Iterable[float]) -> Mapping[str, float]:
    """`{"p50", "p95", "p99", "max"}`; raises ValueError when there is nothing."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("nothing was measured")
    return {
        "p50": _rank(ordered, 50),
        "p95": _rank(ordered, 95),
        "p99": _rank(ordered, 99),
        "max": ordered[-1],
    }


def _rank(ordered: list[float], percent: int) -> float:
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
