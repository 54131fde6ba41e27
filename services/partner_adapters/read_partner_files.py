"""Read partners/<partner>.toml: every fault is named with its file and line.

A new partner of a known kind is one more file there; nothing else in this service lists partners.
"""

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from services.partner_adapters.check_partner_file import Kind, faults_of
from services.partner_adapters.partner_file import OfKind, PartnerFile


class PartnerFileError(Exception):
    """A partner file that cannot be used; one line per fault, each with file and line."""


Kinds = Mapping[str, Kind]


def load_partner_files(*, kinds: Kinds, folder: Path | None = None) -> dict[str, PartnerFile]:
    """Every partner by id, from the package and from `folder`; raises `PartnerFileError`."""
    places: list[Traversable] = [resources.files("services.partner_adapters") / "partners"]
    if folder is not None:
        places.append(folder)
    partners: dict[str, PartnerFile] = {}
    faults: list[str] = []
    for place in places:
        for file in sorted(place.iterdir(), key=lambda each: each.name):
            if not file.name.endswith(".toml"):
                continue
            try:
                partner = parse_partner_file(
                    file.read_text(encoding="utf-8"), name=file.name, kinds=kinds
                )
            except PartnerFileError as error:
                faults.append(str(error))
                continue
            partners[partner.id] = partner
    if faults:
        raise PartnerFileError("\n".join(faults))
    return partners


def parse_partner_file(text: str, *, name: str, kinds: Kinds) -> PartnerFile:
    """Read one file; raises `PartnerFileError` with every fault as `caf.toml:12: …`."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise PartnerFileError(f"{name}:{line.group(1) if line else 1}: {error}") from error
    settings = content.pop("settings", {})
    partner = _validated(PartnerFile, content, text=text, name=name)
    if partner.kind not in kinds:
        raise PartnerFileError(
            f"{name}:{_line_of(text, ('kind',))}: kind: {partner.kind!r} is not one of "
            f"{', '.join(sorted(kinds))}"
        )
    kind = kinds[partner.kind]
    own = _validated(kind.settings, settings, text=text, name=name, below=("settings",))
    partner = partner.model_copy(update={"settings": own})
    faults = list(faults_of(partner, kind))
    if f"{partner.id}.toml" != Path(name).name:
        faults.append((("id",), "must be the file's name"))
    if faults:
        lines = (f"{name}:{_line_of(text, at)}: {'.'.join(at)}: {why}" for at, why in faults)
        raise PartnerFileError("\n".join(lines))
    return partner


def _validated(
    model: type[OfKind],
    content: Any,
    *,
    text: str,
    name: str,
    below: tuple[str, ...] = (),
) -> OfKind:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = []
        for fault in error.errors(include_url=False, include_context=False):
            where = (*below, *fault["loc"])
            path = ".".join(str(part) for part in where) or "file"
            faults.append(f"{name}:{_line_of(text, where)}: {path}: {fault['msg']}")
        raise PartnerFileError("\n".join(faults)) from error


def _line_of(text: str, location: tuple[int | str, ...]) -> int:
    """The line that sets what `location` names, or its table's line, or 1."""
    names = [part for part in location if isinstance(part, str)]
    table, found = "", 1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([\w.-]+)", line):
            table = header.group(1)
            if names and table == names[0]:
                found = number
        elif setting := re.match(r"\s*\"?([^\"=\s]+)\"?\s*=", line):
            path = [*(table.split(".") if table else []), setting.group(1)]
            if names and (path[0], path[-1]) == (names[0], names[-1]):
                return number
            if not table and names[:1] == path:
                found = number
    return found
