"""Migrations on a real PostgreSQL: once, in order, under a lock."""

import asyncio

import pytest

from shared.plumbing import migrations
from shared.plumbing.database import Database
from shared.plumbing.migrations import SchemaOutOfDate, list_migrations, migrate, verify_schema


async def test_every_schema_is_migrated_once_even_by_several_at_a_time(
    fresh_database_url: str,
) -> None:
    applied = await asyncio.gather(*(migrate(fresh_database_url) for _ in range(4)))
    names = [name for names in applied for name in names]
    assert len(names) == len(set(names))
    assert {name.split("/")[0] for name in names} == {"intake", "router", "partner_adapters"}


async def test_a_service_refuses_a_schema_that_is_behind(fresh_database_url: str) -> None:
    database = await Database.connect(fresh_database_url, application="test")
    with pytest.raises(SchemaOutOfDate, match="run `aiguillage migrate`"):
        await verify_schema(database, schema="intake")
    await migrate(fresh_database_url)
    await verify_schema(database, schema="intake")
    await database.close()


async def test_a_migration_changed_after_it_was_applied_is_refused(
    fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(fresh_database_url, schemas=["router"])
    first, *others = list_migrations("router")
    changed = migrations.Migration(first.schema, first.name, first.sql + "-- changed")
    monkeypatch.setattr(migrations, "list_migrations", lambda _: [changed, *others])
    with pytest.raises(SchemaOutOfDate, match="was changed after it was applied"):
        await migrate(fresh_database_url, schemas=["router"])
