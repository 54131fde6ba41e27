"""Idempotency keys on a real PostgreSQL: one effect, one answer, whatever comes twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from shared.plumbing.database import Database, Transaction
from shared.plumbing.idempotency import (
    EarlierAnswer,
    KeyedCall,
    find_earlier_answers,
    insert_answers,
)
from shared.plumbing.migrations import migrate
from shared.plumbing.problem_details import Problem

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    await migrate(database_url, schemas=["intake"])
    database = await Database.connect(database_url, application="test")
    yield database
    await database.close()


async def find(
    tx: Transaction, key: str, *, body: bytes = b"{}", principal: str = "kiosk-1"
) -> EarlierAnswer | None:
    call = KeyedCall(principal=principal, key=key, body=body)
    [earlier] = await find_earlier_answers(tx, schema="intake", calls=[call])
    return earlier


async def answer(tx: Transaction, key: str, text: str, *, body: bytes = b"{}") -> None:
    call = KeyedCall(principal="kiosk-1", key=key, body=body)
    await insert_answers(tx, schema="intake", status=202, answers=[(call, text)], now=NOW)


async def test_the_same_key_and_body_get_the_first_answer_again(database: Database) -> None:
    key = str(uuid4())
    async with database.transaction() as tx:
        assert await find(tx, key) is None
        await answer(tx, key, "sealed")
    async with database.transaction() as tx:
        assert await find(tx, key) == EarlierAnswer(status=202, answer="sealed")


async def test_the_same_key_with_another_body_is_refused(database: Database) -> None:
    key = str(uuid4())
    async with database.transaction() as tx:
        await find(tx, key)
        await answer(tx, key, "first")
    async with database.transaction() as tx:
        with pytest.raises(Problem) as refused:
            await find(tx, key, body=b'{"other":1}')
    assert refused.value.status == 422
    assert refused.value.code == "idempotency-key-reused"


async def test_a_key_belongs_to_its_principal(database: Database) -> None:
    key = str(uuid4())
    async with database.transaction() as tx:
        await find(tx, key)
        await answer(tx, key, "first")
    async with database.transaction() as tx:
        assert await find(tx, key, principal="kiosk-2") is None


async def test_while_the_first_is_in_flight_the_second_is_asked_to_come_back(
    database: Database,
) -> None:
    key = str(uuid4())
    async with database.transaction() as first:
        assert await find(first, key) is None
        with pytest.raises(Problem) as refused:
            async with database.transaction() as second:
                await find(second, key)
        await answer(first, key, "first")
    assert refused.value.status == 409
    assert refused.value.headers["Retry-After"] == "1"
    async with database.transaction() as third:
        assert await find(third, key) == EarlierAnswer(status=202, answer="first")


async def test_a_first_call_that_failed_leaves_the_key_free(database: Database) -> None:
    key = str(uuid4())
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            await find(tx, key)
            await answer(tx, key, "never")
            raise ZeroDivisionError
    async with database.transaction() as tx:
        assert await find(tx, key, body=b"other") is None


async def test_an_answer_given_in_the_meantime_ends_the_second_transaction(
    database: Database,
) -> None:
    key = str(uuid4())
    async with database.transaction() as tx:
        await answer(tx, key, "first")
    with pytest.raises(Problem) as refused:
        async with database.transaction() as tx:
            await answer(tx, key, "second")
    assert refused.value.status == 409


async def test_of_many_calls_at_once_exactly_one_has_an_effect(database: Database) -> None:
    key, effects = str(uuid4()), []

    async def call(number: int) -> int:
        try:
            async with database.transaction() as tx:
                if earlier := await find(tx, key):
                    return earlier.status
                await answer(tx, key, str(number))
                tx.after_commit(lambda: effects.append(number))
                return 202
        except Problem as problem:
            return problem.status

    statuses = await asyncio.gather(*(call(number) for number in range(30)))
    assert len(effects) == 1
    assert set(statuses) <= {202, 409}
    assert await call(99) == 202
    assert len(effects) == 1
