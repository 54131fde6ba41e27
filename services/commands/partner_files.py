"""`aiguillage partners check | add`: the agencies' files, without connecting to anything."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from services.commands.outcome import CommandFailed
from services.commands.printing import console, print_rows

if TYPE_CHECKING:
    from services.partner_adapters.partner_file import PartnerFile

FOLDER = "AIGUILLAGE_PARTNERS_FOLDER"
CATALOGUE_FOLDER = "AIGUILLAGE_CATALOGUE_FOLDER"
COLUMNS = ("partner_id", "kind", "status_return", "statuses", "units", "secrets")


def check(paths: Sequence[Path], *, as_json: bool) -> None:
    """Validate these files or folders, or all; raises `CommandFailed` with file and line."""
    partners = _read(paths) if paths else list(read_partner_files().values())
    rows: list[dict[str, object]] = [
        {
            "partner_id": partner.id,
            "kind": partner.kind,
            "status_return": partner.status_return.way,
            "statuses": len(partner.statuses),
            "units": len(partner.units),
            "secrets": partner.secrets(),
        }
        for partner in partners
    ]
    print_rows(rows, columns=COLUMNS, as_json=as_json)


def add(
    partner_id: str, *, kind: str, name: str | None, folder: Path, catalogue_folder: Path
) -> None:
    """Write the files of a new partner and say what to set next; never over a file."""
    from services.partner_adapters.read_partner_files import parse_partner_file
    from services.partner_adapters.registry import ADAPTERS
    from services.partner_adapters.scaffold_partner import catalogue_file_text, partner_file_text

    if kind not in ADAPTERS:
        raise CommandFailed(f"{kind!r} is not one of {', '.join(sorted(ADAPTERS))}.")
    if partner_id in read_partner_files(folder if folder.is_dir() else None):
        raise CommandFailed(f"There is a partner {partner_id} already.")
    name = name or partner_id.upper()
    text = partner_file_text(partner_id, kind=kind, name=name)
    with _faults_told():
        partner = parse_partner_file(text, name=f"{partner_id}.toml", kinds=ADAPTERS)
    _write(folder / f"{partner_id}.toml", text)
    _write(catalogue_folder / f"{partner_id}.toml", catalogue_file_text(partner_id, name=name))
    _say_what_next(partner, folder=folder, catalogue_folder=catalogue_folder)


def read_partner_files(folder: Path | None = None) -> "dict[str, PartnerFile]":
    """Every partner by id, from the package and from the folder, or else the environment's.

    Raises `CommandFailed`, one line per fault.
    """
    from services.partner_adapters.read_partner_files import load_partner_files
    from services.partner_adapters.registry import ADAPTERS

    if folder is None and (given := os.environ.get(FOLDER)):
        folder = Path(given)
    with _faults_told():
        return load_partner_files(kinds=ADAPTERS, folder=folder)


def _read(paths: Sequence[Path]) -> "list[PartnerFile]":
    """Raises `CommandFailed`, one line per fault of all files."""
    from services.partner_adapters.read_partner_files import PartnerFileError, parse_partner_file
    from services.partner_adapters.registry import ADAPTERS

    partners, faults = [], []
    for path in paths:
        for file in sorted(path.glob("*.toml")) if path.is_dir() else [path]:
            try:
                text = file.read_text(encoding="utf-8")
                partners.append(parse_partner_file(text, name=str(file), kinds=ADAPTERS))
            except PartnerFileError as error:
                faults.append(str(error))
            except (OSError, UnicodeDecodeError) as error:
                faults.append(f"{file}:1: {error}")
    if faults:
        raise CommandFailed("\n".join(faults))
    return partners


@contextmanager
def _faults_told() -> Iterator[None]:
    from services.partner_adapters.read_partner_files import PartnerFileError

    try:
        yield
    except PartnerFileError as error:
        raise CommandFailed(str(error)) from error


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise CommandFailed(f"{path} is there already.") from error


def _say_what_next(partner: "PartnerFile", *, folder: Path, catalogue_folder: Path) -> None:
    from services.partner_adapters.partner_environment import ADDRESS, SECRET

    variables = [f"{SECRET}{name}" for name in partner.secrets()]
    if partner.address is not None:
        variables.insert(0, f"{ADDRESS}{partner.id.upper()}")
    if partner.kind == "kafka_queue":
        variables.append(f"{SECRET}{partner.id.upper()}_KAFKA_PASSWORD")
    lines = [
        f"1. Fill in {folder / partner.id}.toml, then: aiguillage partners check {folder}",
        f"2. Fill in {catalogue_folder / partner.id}.toml: what visitors bring to this agency.",
        f"3. For partner_adapters and `topics create`: {FOLDER}={folder}",
        f"   For the router: {CATALOGUE_FOLDER}={catalogue_folder}",
        *(f"   For partner_adapters: {variable}=…" for variable in variables),
        "4. aiguillage topics create",
        "5. Restart partner_adapters, then the router, one process at a time.",
    ]
    console().print("\n".join(lines), markup=False)
