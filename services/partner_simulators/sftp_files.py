"""The files that an agency exchanges by SFTP, as docs/partners/sftp.md describes them. Pure."""

import csv
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.partner_simulators.office import StatusMessage

RETURNED_COLUMNS = ("referral_id", "status", "at", "reason", "message", "reference")
_FORM = ("case_reference", "unit", "channel", "language", "taken_at", "text")
_VISITOR = ("given_name", "family_name", "birth_date", "postcode", "phone", "email")
_MAY_BE_NULL = frozenset({"unit", "language"})


class NotABatch(Exception):
    """Not the file that was agreed."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing handed over: `form` is what the other agencies get as JSON."""

    what: str
    id: str
    referral_id: str
    form: dict[str, Any]


def read_batch(content: bytes, *, partner_id: str) -> list[Line]:
    """The lines of a batch. Raises NotABatch."""
    try:
        text = io.StringIO(content.decode("utf-8"), newline="")
        rows = list(csv.DictReader(text, delimiter=";", strict=True))
        return [_line({k: _meant(v) for k, v in row.items()}, partner_id) for row in rows]
    except (UnicodeDecodeError, csv.Error, AttributeError, KeyError, TypeError) as error:
        raise NotABatch from error


def returned_file(messages: Iterable[StatusMessage]) -> bytes:
    """Statuses as a file; a message may say the `reference` of its file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";")
    writer.writerow(RETURNED_COLUMNS)
    for message in messages:
        cells = (message.get(column) or "" for column in RETURNED_COLUMNS)
        writer.writerow([f"'{cell}" if cell[:1] in _MARKED else cell for cell in cells])
    return text.getvalue().encode()


def manifest_of(name: str, content: bytes) -> bytes:
    """What `sha256sum` writes about a file."""
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode()


def agrees(manifest: bytes, content: bytes) -> bool:
    """Whether the manifest is of this content."""
    return manifest[:64] == hashlib.sha256(content).hexdigest().encode()


_MARKED = frozenset("=+-@\t\r\n'")


def _meant(cell: str) -> str:
    return cell[1:] if cell.startswith("'") else cell


def _line(row: dict[str, str], partner_id: str) -> Line:
    form: dict[str, Any]
    match row["what"]:
        case "answer":
            form = {"answer_id": row["id"], "text": row["text"], "answered_at": row["at"]}
        case "withdrawal":
            form = {"withdrawn_at": row["at"]}
        case _:
            form = _referral(row, partner_id)
    return Line(what=row["what"], id=row["id"], referral_id=row["referral_id"], form=form)


def _referral(row: dict[str, str], partner_id: str) -> dict[str, Any]:
    ids, titles = row["demarche_ids"].split(), row["demarches"].split(" | ")
    visitor: dict[str, Any] = {name: row[name] for name in _VISITOR if row[name]}
    if row["identifier"]:
        visitor["identifiers"] = {partner_id: row["identifier"]}
    return {
        "referral_id": row["referral_id"],
        "issued_at": row["at"],
        "urgent": {"1": True, "0": False}.get(row["urgent"]),
        "demarches": [
            {"id": each, "title": title} for each, title in zip(ids, titles, strict=False)
        ],
        **{name: row[name] or (None if name in _MAY_BE_NULL else "") for name in _FORM},
        "visitor": visitor,
    }
