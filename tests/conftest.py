"""What every test may ask for. Nothing starts until a test asks: pure tests need no server."""

import secrets
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import hypothesis
import pytest

from tests.infrastructure import (
    Infrastructure,
    KafkaAddresses,
    both,
    kafka_for_tests,
    postgresql_for_tests,
)

# No test asserts seconds: a busy machine must not fail a property.
hypothesis.settings.register_profile("aiguillage", deadline=None)
hypothesis.settings.load_profile("aiguillage")


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The real PostgreSQL of this run, shared by all its tests: see `database_url`."""
    with postgresql_for_tests() as url:
        yield url


@pytest.fixture(scope="session")
def kafka_addresses() -> Iterator[KafkaAddresses]:
    """The real Kafka of this run, shared by all its tests."""
    with kafka_for_tests() as addresses:
        yield addresses


@pytest.fixture(scope="session")
def infrastructure(postgresql_url: str, kafka_addresses: KafkaAddresses) -> Infrastructure:
    """Both at once."""
    return both(postgresql_url, kafka_addresses)


@pytest.fixture(scope="module")
async def database_url(postgresql_url: str) -> AsyncIterator[str]:
    """An empty database of the test module's own, dropped afterwards."""
    async for url in _fresh_database(postgresql_url):
        yield url


@pytest.fixture
async def fresh_database_url(postgresql_url: str) -> AsyncIterator[str]:
    """An empty database of one test's own, dropped afterwards."""
    async for url in _fresh_database(postgresql_url):
        yield url


async def _fresh_database(server_url: str) -> AsyncIterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    await _execute(server_url, f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        # FORCE: a test that failed may have left connections behind.
        await _execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(server_url: str, statement: str) -> None:
    connection = await asyncpg.connect(server_url, timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
