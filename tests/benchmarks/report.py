"""Where the results go: two files for machines, one table for people."""

import json
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.measure import Measure

FOLDER = Path(__file__).parents[2] / "build" / "bench"
_RESULTS, _DETAILS = FOLDER / "results.json", FOLDER / "details.json"
_SHOWN_ROUNDS = 8
_WIDTH_IN_LOGS = 140


def forget() -> None:
    """Remove what earlier runs left."""
    for path in (_RESULTS, _DETAILS):
        path.unlink(missing_ok=True)


def keep(measures: Sequence[Measure]) -> None:
    """Write these into results.json and details.json; the others stay as they are."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    _merge(_RESULTS, {each.id: _result(each) for each in measures})
    _merge(_DETAILS, {each.id: _details(each) for each in measures})


def show(measures: Sequence[Measure], *, failed: Sequence[str], quick: bool) -> None:
    """Print every figure, the losing ones too."""
    table = Table(
        title=f"Benchmarks, {_now():%Y-%m-%d %H:%M} UTC, {machine()}{', quick' if quick else ''}",
        title_justify="left",
        header_style="bold",
    )
    for column in ("benchmark", "value", "unit", "gate", "aim", "verdict", "rounds"):
        right = column in {"value", "gate", "aim"}
        table.add_column(column, justify="right" if right else "left")
    for each in measures:
        table.add_row(
            each.id,
            _number(each.value),
            each.unit,
            _limit(each, each.gate),
            _limit(each, each.aim),
            _verdict(each),
            " ".join(_number(one) for one in each.rounds[:_SHOWN_ROUNDS]),
        )
    for name in failed:
        table.add_row(name, "", "", "", "", "[red]failed[/]", "")
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH_IN_LOGS)
    console.print(table)
    console.print(f"{_RESULTS}, details beside it", style="dim")


def machine() -> str:
    """What the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Python {platform.python_version()}, load {load:.1f}"
    )


def _merge(path: Path, new: dict[str, Any]) -> None:
    old = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(old | new, indent=2, ensure_ascii=False) + "\n")


def _result(each: Measure) -> dict[str, Any]:
    return {
        "value": round(each.value, 4),
        "unit": each.unit,
        "better": each.better,
        "gate": each.gate,
        "aim": each.aim,
    }


def _details(each: Measure) -> dict[str, Any]:
    return {
        "measured_at": _now().isoformat(timespec="seconds"),
        "machine": machine(),
        "rounds": [round(one, 4) for one in each.rounds],
        **each.facts,
    }


def _verdict(each: Measure) -> str:
    if not each.meets(each.gate):
        return "[red]missed[/]"
    if each.aim is not None:
        return "[green]aim met[/]" if each.meets(each.aim) else "below the aim"
    return "reported" if each.gate is None else "[green]gate met[/]"


def _limit(each: Measure, limit: float | None) -> str:
    if limit is None:
        return "–"
    return f"{'≥' if each.better == 'higher' else '≤'} {_number(limit)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _now() -> datetime:
    return datetime.now(UTC)
