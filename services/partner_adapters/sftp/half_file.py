"""Files of the agency's that are not whole: which they are, and what people are told. PURE."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.partner_adapters.partner_adapter import Unfinished
from services.partner_adapters.sftp.batch_file import MANIFEST, sha256


@dataclass(frozen=True)
class Entry:
    """A file as its server lists it; what the server does not tell is 0."""

    size: int
    changed_at: datetime


@dataclass(frozen=True)
class Listed:
    """A file of the agency's, its manifest or both, as they are listed.

    `size` is the file's, None when there is only a manifest; `mark` is the same for as long as
    neither changes.
    """

    name: str
    size: int | None
    changed_at: datetime
    mark: str


@dataclass(frozen=True)
class Half:
    """Why a file is not whole; `seen`: what of it makes it another half file when it changes."""

    problem: Literal[
        "it has no manifest", "its manifest does not match it", "a manifest without its file"
    ]
    seen: str


def pair_up(entries: Mapping[str, Entry]) -> list[Listed]:
    """The files of a folder with their manifests, in the order of their names."""
    return [
        _listed(name, entries.get(name), entries.get(name + MANIFEST))
        for name in sorted({each.removesuffix(MANIFEST) for each in entries})
    ]


def tell_half_file(listed: Listed, half: Half) -> Unfinished:
    """What people are told of a file that did not become whole; the same one is the same text."""
    entry = json.dumps({"file": listed.name, "problem": half.problem, "seen": half.seen})
    since = f"{listed.changed_at:%Y-%m-%d %H:%M} UTC"
    return Unfinished(entry, f"a half file, as it is since {since}: {half.problem}")


def _listed(name: str, file: Entry | None, manifest: Entry | None) -> Listed:
    marked = "\x1f".join([name, repr(file), repr(manifest)])
    return Listed(
        name=name,
        size=None if file is None else file.size,
        changed_at=max(each.changed_at for each in (file, manifest) if each is not None),
        mark=sha256(marked.encode(errors="surrogateescape"))[:16],
    )
