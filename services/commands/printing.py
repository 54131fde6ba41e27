"""What commands print: tables for people, JSON for machines."""

import json
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH_WITHOUT_TERMINAL = 160


def console() -> Console:
    """Standard output; not a terminal: wide enough that tables are not folded."""
    width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(width=width, highlight=False)


def tell(line: str) -> None:
    """Say what happens, on standard error; standard output is for what was asked for."""
    sys.stderr.write(f"· {line}\n")
    sys.stderr.flush()


def print_json(data: object) -> None:
    """Print one JSON document; what JSON does not know is written as text."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2, default=str) + "\n")


def print_rows(
    rows: Sequence[Mapping[str, object]],
    *,
    columns: Sequence[str],
    title: str | None = None,
    as_json: bool,
    when_empty: str = "Nothing.",
) -> None:
    """Print rows as a table of these columns, or whole as a JSON list."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        console().print(when_empty, markup=False)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        # Text, not markup: a bracket in an error message is a bracket.
        table.add_row(*(Text(_shown(row.get(column))) for column in columns))
    console().print(table)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(str(item) for item in value)
    return str(value)
