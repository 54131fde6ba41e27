"""One whole system for all these tests, and who stands at its doors."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.end_to_end.agencies import Agencies
from tests.end_to_end.counter import CLIENT, Counter, Door
from tests.end_to_end.running_system import System, running_system


@pytest.fixture(scope="session")
async def system() -> AsyncIterator[System]:
    async with running_system() as found:
        yield found


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=30), cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield session


@pytest.fixture(scope="session")
def agencies(system: System, http: aiohttp.ClientSession) -> Agencies:
    return Agencies(http, system.simulators)


@pytest.fixture(scope="session")
def counter(system: System, http: aiohttp.ClientSession) -> Counter:
    return Counter(Door(http, system.intake, system.tokens[CLIENT]))


@pytest.fixture(scope="session")
async def operations(system: System, http: aiohttp.ClientSession) -> Door:
    """The operations desk at the door of partner_adapters."""
    intake = Door(http, system.intake, system.tokens["supervision"])
    session = await intake.post("/api/v1/sessions")
    return Door(http, system.partner_adapters, session.content["token"])
