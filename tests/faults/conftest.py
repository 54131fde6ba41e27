"""The same system as the end-to-end tests', in trouble, with somebody on duty."""

from collections.abc import AsyncIterator

import aiohttp
import asyncpg
import pytest

from tests.end_to_end.agencies import Agencies
from tests.end_to_end.conftest import agencies, counter, http, operations, system
from tests.end_to_end.person_on_duty import person_on_duty
from tests.end_to_end.running_system import System

__all__ = ["agencies", "counter", "http", "operations", "system"]


@pytest.fixture(scope="session")
async def database(system: System) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(system.addresses["database_url"])
    yield connection
    await connection.close()


@pytest.fixture
async def on_duty(
    system: System, http: aiohttp.ClientSession, agencies: Agencies
) -> AsyncIterator[None]:
    """What nobody can know is decided by a person, as it would be on any day."""
    async with person_on_duty(system, http, agencies):
        yield
