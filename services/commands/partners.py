"""`aiguillage partners list | check | pause | resume`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.commands import where
from services.commands.outcome import CommandFailed
from services.commands.printing import print_json, print_rows

if TYPE_CHECKING:
    from services.commands.door_client import DoorClient
    from services.partner_adapters.partner_file import PartnerFile

COLUMNS = (
    "partner_id", "kind", "paused_by", "breaker", "due", "oldest_due_at", "sending", "uncertain",
    "parked", "needs_attention",
)  # fmt: skip


def list_partners(*, as_json: bool) -> None:
    """Print every partner's health, as partner_adapters sees it."""

    async def ask(door: "DoorClient") -> Any:
        return await door.get("/api/v1/partners")

    print_rows(asyncio.run(_as_operations(ask))["partners"], columns=COLUMNS, as_json=as_json)


def pause(partner_id: str, *, as_json: bool) -> None:
    """Hand nothing more to this partner until it is resumed."""
    _tell(partner_id, "pause", as_json=as_json)


def resume(partner_id: str, *, as_json: bool) -> None:
    """Hand things to this partner again."""
    _tell(partner_id, "resume", as_json=as_json)


def check(*, folder: Path | None, as_json: bool) -> None:
    """Validate the partner files, offline; raises `CommandFailed` with file and line."""
    partners = read_partner_files(folder)
    rows: list[dict[str, object]] = [
        {
            "partner_id": partner.id,
            "kind": partner.kind,
            "status_return": partner.status_return.way,
            "statuses": len(partner.statuses),
            "secrets": partner.secrets(),
        }
        for partner in partners.values()
    ]
    print_rows(
        rows,
        columns=["partner_id", "kind", "status_return", "statuses", "secrets"],
        as_json=as_json,
    )


def read_partner_files(folder: Path | None = None) -> "dict[str, PartnerFile]":
    """Every partner by id; raises `CommandFailed`, one line per fault."""
    from services.partner_adapters.read_partner_files import PartnerFileError, load_partner_files
    from services.partner_adapters.registry import ADAPTERS

    try:
        return load_partner_files(kinds=ADAPTERS, folder=folder)
    except PartnerFileError as error:
        raise CommandFailed(str(error)) from error


def _tell(partner_id: str, order: str, *, as_json: bool) -> None:
    async def ask(door: "DoorClient") -> Any:
        return await door.post(f"/api/v1/partners/{partner_id}/{order}")

    answer = asyncio.run(_as_operations(ask))
    if as_json:
        print_json(answer)
    else:
        print_rows([answer], columns=COLUMNS, as_json=False)


async def _as_operations(ask: Any) -> Any:
    from services.commands.door_client import DoorClient, http_session, open_session

    async with http_session() as http:
        session = await open_session(
            http, intake_url=where.intake_url(), token=where.operations_token()
        )
        return await ask(DoorClient(http, url=where.partner_adapters_url(), token=session))
