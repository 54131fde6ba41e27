"""A migrated database with the partners' rows."""

from collections.abc import AsyncIterator

import pytest

from services.partner_adapters.describe_partners import describe_partners
from shared.plumbing.database import Database
from shared.plumbing.migrations import migrate
from tests.integration.partner_adapters.house import House


@pytest.fixture(scope="module")
async def migrated_url(database_url: str) -> str:
    await migrate(database_url, schemas=["partner_adapters"])
    return database_url


@pytest.fixture
async def house(migrated_url: str) -> AsyncIterator[House]:
    """Stores and use cases on an empty schema, with a clock to move."""
    database = await Database.connect(migrated_url, application="test")
    tables = await database.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'partner_adapters'"
    )
    names = ", ".join(f"partner_adapters.{row['tablename']}" for row in tables)
    await database.run_alone(f"TRUNCATE {names} CASCADE")
    house = House(database=database)
    async with database.transaction() as tx:
        await describe_partners(tx, house.partners, outbox=house.outbox, clock=house.clock)
    yield house
    await database.close()
