"""`aiguillage dead-letters list | show | replay`: what could not be handled, in three schemas.

A letter is named `<schema>/<number>`. Its value is not shown: what is personal in it is sealed
anyway, and nobody needs the rest to decide.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from services.commands import where
from services.commands.outcome import CommandFailed, NotReachable, WrongUsage
from services.commands.printing import print_json, print_rows
from shared.plumbing.clock import SystemClock

if TYPE_CHECKING:
    from shared.plumbing.database import Database, Row

COLUMNS = ("letter", "consumer", "topic", "partition", "offset", "size", "buried_at", "error")
PAGE = 500


def list_letters(*, replayed: bool, as_json: bool) -> None:
    """Print the letters that wait, or those that were replayed."""
    rows = asyncio.run(_list_all(replayed=replayed))
    columns = (*COLUMNS, "replayed_at", "replayed_by") if replayed else COLUMNS
    print_rows(rows, columns=columns, as_json=as_json)


def show(letter: str, *, as_json: bool) -> None:
    """Print one letter: headers, error, where it lay; its value as a size only."""
    schema, letter_id = _parse(letter)
    found = _as_shown(schema, asyncio.run(_get(schema, letter_id)))
    if as_json:
        print_json(found)
        return
    headers = found.pop("headers")
    fields = [{"field": name, "value": value} for name, value in found.items()]
    print_rows(fields, columns=["field", "value"], as_json=False)
    rows = [{"header": name, "value": value} for name, value in headers]
    print_rows(rows, columns=["header", "value"], as_json=False)


def replay(letters: Sequence[str], *, everything: bool, by: str, as_json: bool) -> None:
    """Publish letters again, on their topics, with their headers; raises `CommandFailed`.

    Done twice it is harmless: consumers know the events they have handled.
    """
    if everything == bool(letters):
        raise WrongUsage("Say which letters to replay, or --all.")
    chosen = [_parse(letter) for letter in letters] if letters else None
    replayed = asyncio.run(_replay(chosen, by=by))
    print_rows(
        [{"replayed": name, "topic": topic} for name, topic in replayed],
        columns=["replayed", "topic"],
        as_json=as_json,
    )


async def _list_all(*, replayed: bool) -> list[dict[str, Any]]:
    from shared.plumbing.dead_letters import list_dead_letters
    from shared.plumbing.migrations import SCHEMAS

    rows: list[dict[str, Any]] = []
    async with _database() as database:
        for schema in SCHEMAS:
            after = 0
            while page := await list_dead_letters(
                database, schema=schema, replayed=replayed, after=after, limit=PAGE
            ):
                rows += [_as_listed(schema, row) for row in page]
                after = page[-1]["id"]
    return rows


async def _get(schema: str, letter_id: int) -> "Row":
    from shared.plumbing.dead_letters import find_dead_letter

    async with _database() as database:
        row = await find_dead_letter(database, schema=schema, letter_id=letter_id)
    if row is None:
        raise CommandFailed(f"There is no dead letter {schema}/{letter_id}.")
    return row


async def _replay(chosen: Sequence[tuple[str, int]] | None, *, by: str) -> list[tuple[str, str]]:
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    from shared.plumbing.dead_letters import mark_replayed

    kafka = where.kafka()
    if chosen is None:
        chosen = [_parse(row["letter"]) for row in await _list_all(replayed=False)]
    rows = [(schema, await _get(schema, letter_id)) for schema, letter_id in chosen]
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", enable_idempotence=False, request_timeout_ms=10_000
    )
    replayed: list[tuple[str, str]] = []
    try:
        async with asyncio.timeout(15):
            await producer.start()
        async with _database() as database:
            for schema, row in rows:
                async with asyncio.timeout(15):
                    await producer.send_and_wait(
                        row["topic"],
                        key=row["key"],
                        value=row["value"],
                        headers=_original_headers(row["headers"]),
                    )
                await mark_replayed(
                    database,
                    schema=schema,
                    letter_id=row["id"],
                    by=by,
                    now=SystemClock().now(),
                )
                replayed.append((f"{schema}/{row['id']}", row["topic"]))
    except (KafkaError, TimeoutError) as error:
        raise NotReachable(
            f"Kafka did not take a letter: {type(error).__name__}; "
            f"{len(replayed)} of {len(rows)} were replayed.",
            hint="Run it again: what is replayed already is not listed any more.",
        ) from error
    finally:
        await producer.stop()
    return replayed


@asynccontextmanager
async def _database() -> "AsyncIterator[Database]":
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


def _parse(letter: str) -> tuple[str, int]:
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


def _original_headers(kept: Sequence[tuple[str | None, str | None]]) -> list[tuple[str, bytes]]:
    """The headers as they came; one that was null is left out: it made the message unreadable."""
    headers = []
    for name, value in kept:
        if name is None or value is None:
            continue
        raw = (
            base64.b64decode(value.removeprefix("base64:"))
            if value.startswith("base64:")
            else value.encode()
        )
        headers.append((name, raw))
    return headers
