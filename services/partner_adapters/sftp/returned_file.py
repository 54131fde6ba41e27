"""What the agency writes back: acknowledgements and statuses, a record each. PURE."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from services.partner_adapters.partner_adapter import PartnerStatus
from services.partner_adapters.partner_reference import is_reference
from services.partner_adapters.sftp.csv_form import lines_of, read_record
from services.partner_adapters.status_message import StatusMessage
from shared.contracts.events import derive_id

NEEDED = frozenset({"referral_id", "status", "at"})
OPTIONAL = frozenset({"reason", "message", "reference"})
MOST_RECORDS = 500
"""Of one page: what is recorded in one transaction."""
_LONGEST_EXCERPT = 4000


@dataclass(frozen=True)
class Page:
    """Some records of a file; `next_line` is where to go on, None at its end."""

    statuses: Sequence[PartnerStatus]
    unreadable: Sequence[str]
    next_line: int | None


def read_page(name: str, content: bytes, *, start: int = 0) -> Page:
    """At most `MOST_RECORDS` records from line `start` on; 0 is the header.

    A record is recognised by what it says, so the same file again, under whatever name, changes
    nothing. What makes no sense is given back as it came, with its file and line.
    """
    lines = lines_of(content)
    columns, first = read_record(lines, 0)
    if columns is None or not set(columns) >= NEEDED:
        return Page(statuses=[], unreadable=[_excerpt(name, 1, "".join(lines))], next_line=None)
    statuses: list[PartnerStatus] = []
    unreadable: list[str] = []
    line = max(start, first)
    while line < len(lines) and len(statuses) + len(unreadable) < MOST_RECORDS:
        cells, after = read_record(lines, line)
        if cells != []:  # an empty line says nothing
            try:
                statuses.append(_status(columns, cells))
            except ValueError:
                # The record may be several lines torn together: the next line has its chance.
                after = line + 1
                unreadable.append(_excerpt(name, after, lines[line]))
        line = after
    return Page(statuses, unreadable, next_line=line if line < len(lines) else None)


def unreadable_file(name: str, problem: str) -> Page:
    """A file that is not even opened: only its name is told."""
    entry = json.dumps({"file": name, "problem": problem})
    return Page(statuses=[], unreadable=[entry], next_line=None)


def _status(columns: Sequence[str], cells: Sequence[str] | None) -> PartnerStatus:
    """Raises ValueError."""
    if cells is None or len(cells) != len(columns):
        raise ValueError("not as many cells as the header has")
    said = {name: cell for name, cell in zip(columns, cells, strict=True) if cell}
    known = {name: said[name] for name in sorted(NEEDED | OPTIONAL) if name in said}
    reference, text = known.get("reference"), known.get("message")
    if reference is not None and not is_reference(reference):
        text = "\n".join([f"Référence : {reference}", *filter(None, [text])])
        reference = None
    status_id = str(derive_id("status line", *(f"{name}={known[name]}" for name in known)))
    try:
        message = StatusMessage.model_validate({**known, "id": status_id, "message": text})
    except ValidationError as error:
        raise ValueError("not a status") from error
    return replace(message.as_status(), partner_reference=reference)


def _excerpt(name: str, line: int, text: str) -> str:
    entry = {"file": name, "line": line, "text": text.rstrip("\r\n")[:_LONGEST_EXCERPT]}
    return json.dumps(entry, ensure_ascii=False)
