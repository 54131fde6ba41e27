"""The form of every CSV file, either way: UTF-8, `;`, RFC 4180, no cell that is a formula. PURE.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`, also behind a tab or a line's
end. Such a cell gets an apostrophe before it, and so does one that begins with an apostrophe,
so that whoever takes one apostrophe away has what was meant.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

_MARKED = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
MOST_LINES_OF_A_RECORD = 200
"""An unclosed quotation mark costs so many lines to read, not all that follow."""


def defused(cell: str) -> str:
    """The cell as it is written."""
    return f"'{cell}" if cell.startswith(_MARKED) else cell


def restored(cell: str) -> str:
    """The cell as it was meant, also from an agency that defuses nothing."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_MARKED) else cell


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """A header and one record per row; a column that a row has not is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([defused(row.get(column, "")) for column in columns] for row in rows)
    return text.getvalue().encode()


def lines_of(content: bytes) -> list[str]:
    """The lines with their ends. Bytes that are not UTF-8 are replaced: a person will see them."""
    return list(io.StringIO(content.decode("utf-8-sig", "replace"), newline=""))


def read_record(lines: Sequence[str], start: int) -> tuple[list[str] | None, int]:
    """The record that begins at line `start`, and the line after it.

    None for what is no record; then the next line may begin one.
    """
    window = islice(lines, start, start + MOST_LINES_OF_A_RECORD)
    reader = csv.reader(window, delimiter=";", strict=True)
    try:
        cells = next(reader, None)
    except csv.Error:
        return None, start + 1
    return cells and [restored(cell) for cell in cells], start + max(reader.line_num, 1)
