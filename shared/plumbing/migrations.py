"""Numbered SQL files, applied once, in order, under a lock.

Every service's schema first gets the shared tables of `shared/plumbing/migrations`
(`{schema}` stands for its name), then the files of `services/<service>/migrations`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

import asyncpg

from shared.plumbing.database import Connection, Database

SCHEMAS = ("intake", "router", "partner_adapters")
_LOCK = 0x41494755


class SchemaOutOfDate(Exception):
    """The database is not at the version this code needs; the text says what to run."""


@dataclass(frozen=True)
class Migration:
    schema: str
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def list_migrations(schema: str) -> list[Migration]:
    """The migrations of one service's schema, in the order they apply."""
    shared = _read(resources.files("shared.plumbing") / "migrations", schema, prefix="shared/")
    own = _read(resources.files(f"services.{schema}") / "migrations", schema, prefix="")
    return [*shared, *own]


def _read(folder: Traversable, schema: str, *, prefix: str) -> list[Migration]:
    if not folder.is_dir():
        return []
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda f: f.name
    )
    return [
        Migration(
            schema=schema,
            name=prefix + file.name,
            sql=file.read_text(encoding="utf-8").replace("{schema}", schema),
        )
        for file in files
    ]


async def migrate(url: str, *, schemas: Sequence[str] = SCHEMAS) -> list[str]:
    """Apply what is missing and return its names, oldest first.

    Raises `SchemaOutOfDate` when a file that was applied has been changed since.
    """
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(
            """
            CREATE TABLE IF NOT EXISTS public.schema_migrations (
                schema_name text NOT NULL,
                name text NOT NULL,
                checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
                PRIMARY KEY (schema_name, name)
            )
            """
        )
        applied: list[str] = []
        for schema in schemas:
            applied += await _apply_missing(connection, list_migrations(schema))
        return applied
    finally:
        await connection.close()


async def _apply_missing(connection: Connection, migrations: list[Migration]) -> list[str]:
    rows = await connection.fetch(
        "SELECT schema_name, name, checksum FROM public.schema_migrations"
    )
    known = {(row["schema_name"], row["name"]): row["checksum"] for row in rows}
    applied = []
    for migration in migrations:
        checksum = known.get((migration.schema, migration.name))
        if checksum == migration.checksum:
            continue
        if checksum is not None:
            raise SchemaOutOfDate(
                f"{migration.schema}/{migration.name} was changed after it was applied; "
                "put it back and add a new migration"
            )
        async with connection.transaction():
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {migration.schema}")
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO public.schema_migrations (schema_name, name, checksum) "
                "VALUES ($1, $2, $3)",
                migration.schema,
                migration.name,
                migration.checksum,
            )
        applied.append(f"{migration.schema}/{migration.name}")
    return applied


async def verify_schema(database: Database, *, schema: str) -> None:
    """Raise `SchemaOutOfDate` unless every migration of `schema` is applied."""
    exists = await database.fetchval("SELECT to_regclass('public.schema_migrations') IS NOT NULL")
    rows = (
        await database.fetch(
            "SELECT name FROM public.schema_migrations WHERE schema_name = $1", schema
        )
        if exists
        else []
    )
    applied = {row["name"] for row in rows}
    missing = [m.name for m in list_migrations(schema) if m.name not in applied]
    if missing:
        raise SchemaOutOfDate(
            f"schema {schema} lacks {', '.join(missing)}; run `aiguillage migrate`"
        )
