"""A station's token is looked up once for all the calls that come together."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from fastapi import Request

from services.intake.authentication import Authenticator
from shared.plumbing.access import Principal, SessionVerifier, generate_session_keys
from shared.plumbing.clock import MovableClock
from shared.plumbing.database import Database, DatabaseUnavailable


class CountedDatabase:
    """Knows one token, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        self.row: dict[str, Any] | None = {
            "account": "borne-1",
            "roles": ["kiosk"],
            "site_id": "pimms-19",
        }

    async def fetchrow(self, sql: str, *args: object) -> dict[str, Any] | None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise DatabaseUnavailable("away")
        return self.row


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))


@pytest.fixture
def database() -> CountedDatabase:
    return CountedDatabase()


@pytest.fixture
def authenticator(database: CountedDatabase, clock: MovableClock) -> Authenticator:
    verifier = SessionVerifier(generate_session_keys()[1])
    return Authenticator(database=cast(Database, database), verifier=verifier, clock=clock)


def a_call() -> Request:
    return Request(
        {"type": "http", "method": "POST", "headers": [(b"authorization", b"Bearer abc")]}
    )


async def test_calls_that_come_together_cost_one_look_up_each_half_minute(
    authenticator: Authenticator, database: CountedDatabase, clock: MovableClock
) -> None:
    for looked_up in (1, 1, 2):
        known = await asyncio.gather(*(authenticator(a_call()) for _ in range(20)))
        assert set(known) == {Principal("borne-1", ("kiosk",), "pimms-19")}
        assert database.asked == looked_up
        clock.move(timedelta(seconds=20))


async def test_an_unknown_token_is_not_remembered(
    authenticator: Authenticator, database: CountedDatabase
) -> None:
    known, database.row = database.row, None
    assert await authenticator(a_call()) is None
    database.row = known
    assert await authenticator(a_call()) is not None


async def test_a_look_up_that_failed_is_made_again(
    authenticator: Authenticator, database: CountedDatabase
) -> None:
    database.away = True
    answers = await asyncio.gather(
        *(authenticator(a_call()) for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 3
    database.away = False
    assert await authenticator(a_call()) is not None
