"""Intake on a real PostgreSQL, without Kafka: what it accepts waits in its outbox."""

from collections.abc import AsyncIterator

import pytest

from shared.plumbing.clock import MovableClock
from shared.plumbing.database import Database
from shared.plumbing.migrations import migrate
from tests.integration.intake.rig import MORNING, Door, open_the_house, serving, settings_for


@pytest.fixture(scope="module")
async def intake_database(database_url: str) -> AsyncIterator[Database]:
    await migrate(database_url, schemas=["intake"])
    database = await Database.connect(database_url, application="test")
    await open_the_house(database, clock=MovableClock(MORNING))
    yield database
    await database.close()


@pytest.fixture(scope="module")
async def door(database_url: str, intake_database: Database) -> AsyncIterator[Door]:
    clock = MovableClock(MORNING)
    async with serving(settings_for(database_url), clock=clock, database=intake_database) as door:
        yield door
