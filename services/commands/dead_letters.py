"""`aiguillage dead-letters list | show`: what could not be handled, in three schemas.

A letter is named `<schema>/<number>`. Its value is not shown: what is personal in it is sealed
anyway, and nobody needs the rest to decide.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from services.commands import where
from services.commands.outcome import CommandFailed, NotReachable, WrongUsage
from services.commands.printing import print_json, print_rows

if TYPE_CHECKING:
    from shared.plumbing.database import Database, Row

COLUMNS = ("letter", "consumer", "topic", "partition", "offset", "size", "buried_at", "error")
PAGE = 500


def list_letters(*, replayed: bool, as_json: bool) -> None:
    """Print the letters that wait, or those that were replayed."""
    rows = asyncio.run(list_all(replayed=replayed))
    columns = (*COLUMNS, "replayed_at", "replayed_by") if replayed else COLUMNS
    print_rows(rows, columns=columns, as_json=as_json, when_empty="No dead letters.")


def show(letter: str, *, as_json: bool) -> None:
    """Print one letter: headers, error, where it lay; its value as a size only."""
    schema, letter_id = parse_letter(letter)
    found = _as_shown(schema, asyncio.run(get_letter(schema, letter_id)))
    if as_json:
        print_json(found)
        return
    headers = found.pop("headers")
    fields = [{"field": name, "value": value} for name, value in found.items()]
    print_rows(fields, columns=["field", "value"], as_json=False)
    rows = [{"header": name, "value": value} for name, value in headers]
    print_rows(rows, columns=["header", "value"], as_json=False)


async def list_all(*, replayed: bool) -> list[dict[str, Any]]:
    """The letters of the three schemas, oldest first in each, without their values."""
    from shared.plumbing.dead_letters import list_dead_letters
    from shared.plumbing.migrations import SCHEMAS

    rows: list[dict[str, Any]] = []
    async with open_database() as database:
        for schema in SCHEMAS:
            after = 0
            while page := await list_dead_letters(
                database, schema=schema, replayed=replayed, after=after, limit=PAGE
            ):
                rows += [_as_listed(schema, row) for row in page]
                after = page[-1]["id"]
    return rows


async def get_letter(schema: str, letter_id: int) -> "Row":
    """One letter whole; raises `CommandFailed` when there is none."""
    from shared.plumbing.dead_letters import find_dead_letter

    async with open_database() as database:
        row = await find_dead_letter(database, schema=schema, letter_id=letter_id)
    if row is None:
        raise CommandFailed(f"There is no dead letter {schema}/{letter_id}.")
    return row


@asynccontextmanager
async def open_database() -> "AsyncIterator[Database]":
    """The database, for a while; raises `NotReachable`, and `CommandFailed` before migration."""
    import asyncpg

    from shared.plumbing.database import Database, DatabaseUnavailable

    url = where.database_url()
    try:
        database = await Database.connect(url, application="dead-letters", max_size=2)
    except DatabaseUnavailable as error:
        raise NotReachable(str(error), hint="See `aiguillage doctor`.") from error
    try:
        yield database
    except asyncpg.UndefinedTableError as error:
        raise CommandFailed(
            "The database has no table of dead letters.", hint="Run `aiguillage migrate`."
        ) from error
    finally:
        await database.close()


def parse_letter(letter: str) -> tuple[str, int]:
    """Schema and number of `router/12`; raises `WrongUsage`."""
    from shared.plumbing.migrations import SCHEMAS

    schema, _, number = letter.partition("/")
    if schema not in SCHEMAS or not number.isascii() or not number.isdigit():
        raise WrongUsage(
            f"{letter!r} is not a dead letter's name.",
            hint=f"It is like {SCHEMAS[0]}/12; `aiguillage dead-letters list` names them.",
        )
    return schema, int(number)


def _as_listed(schema: str, row: "Row") -> dict[str, Any]:
    fields = dict(row)
    return {"letter": f"{schema}/{fields.pop('id')}", **fields}


def _as_shown(schema: str, row: "Row") -> dict[str, Any]:
    fields = _as_listed(schema, row)
    value, key = fields.pop("value"), fields.pop("key")
    headers = fields.pop("headers")
    return {
        **fields,
        "key": None if key is None else key.decode(errors="backslashreplace"),
        "size": None if value is None else len(value),
        "headers": headers,
    }
