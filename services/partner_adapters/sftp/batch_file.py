"""A batch as the agency gets it: one CSV file, and the manifest that says it is whole. PURE."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.partner_adapters.partner_adapter import Delivery
from services.partner_adapters.sftp.csv_form import lines_of, read_record, write_csv

PART = ".part"
"""Ends the name of a file that is being written."""
MANIFEST = ".sha256"
OURS = "aiguillage-"
"""Begins the name of every file we write."""

COLUMNS = (
    *("what", "id", "referral_id", "at", "case_reference", "unit", "urgent", "channel"),
    *("language", "taken_at", "demarche_ids", "demarches", "text", "given_name", "family_name"),
    *("birth_date", "postcode", "phone", "email", "identifier"),
)
_AS_THEY_ARE = ("case_reference", "unit", "channel", "language", "taken_at", "text")
_OF_VISITOR = ("given_name", "family_name", "birth_date", "postcode", "phone", "email")
_INSTANT = {"referral": "issued_at", "answer": "answered_at", "withdrawal": "withdrawn_at"}


@dataclass(frozen=True)
class BatchFile:
    """A file with its manifest, `sha256sum`'s own form."""

    name: str
    content: bytes

    @property
    def manifest_name(self) -> str:
        return self.name + MANIFEST

    @property
    def manifest(self) -> bytes:
        return f"{sha256(self.content)}  {self.name}\n".encode()


def name_of(batch_id: UUID) -> str:
    """The file's name: the same batch has the same, and it says nothing of anybody."""
    return f"{OURS}{batch_id}.csv"


def make_batch(batch_id: UUID, deliveries: Sequence[Delivery]) -> BatchFile:
    """The file of these deliveries, one record each, in the order given."""
    rows = [_row(delivery) for delivery in deliveries]
    return BatchFile(name=name_of(batch_id), content=write_csv(COLUMNS, rows))


def id_of(delivery: Delivery) -> str:
    """What the agency recognises a repetition by."""
    return str(delivery.referral_id if delivery.what == "referral" else delivery.delivery_id)


def ids_in(content: bytes) -> frozenset[str]:
    """The ids of a file's records."""
    lines, column, line = lines_of(content), COLUMNS.index("id"), 1
    found = set()
    while line < len(lines):
        cells, line = read_record(lines, line)
        if cells and len(cells) > column:
            found.add(cells[column])
    return frozenset(found)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sum_in(manifest: bytes) -> str:
    """What a manifest says of its file."""
    return manifest[:64].decode("ascii", "replace").lower()


def _row(delivery: Delivery) -> dict[str, str]:
    body = delivery.body
    visitor: Mapping[str, Any] = body.get("visitor", {})
    demarches: Sequence[Mapping[str, str]] = body.get("demarches", ())
    return {
        "what": delivery.what,
        "id": id_of(delivery),
        "referral_id": str(delivery.referral_id),
        "at": body.get(_INSTANT[delivery.what], ""),
        "urgent": {True: "1", False: "0", None: ""}[body.get("urgent")],
        "demarche_ids": " ".join(each["id"] for each in demarches),
        "demarches": " | ".join(each["title"] for each in demarches),
        "identifier": " ".join(visitor.get("identifiers", {}).values()),
        **{name: body.get(name) or "" for name in _AS_THEY_ARE},
        **{name: visitor.get(name) or "" for name in _OF_VISITOR},
    }
