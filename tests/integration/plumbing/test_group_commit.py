"""Many callers, one transaction, each with its own answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from shared.plumbing.database import Database, DatabaseUnavailable, Transaction
from shared.plumbing.group_commit import GroupCommit


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(database_url, application="test")
    await database.run_alone("CREATE TABLE numbers (number int PRIMARY KEY)")
    yield database
    await database.close()


async def insert(tx: Transaction, numbers: Sequence[int]) -> list[int]:
    await tx.execute("INSERT INTO numbers SELECT * FROM unnest($1::int[])", list(numbers))
    return [number * 2 for number in numbers]


async def test_concurrent_items_share_a_transaction_and_each_gets_its_own_result(
    database: Database,
) -> None:
    batches: list[int] = []

    async def counted(tx: Transaction, numbers: Sequence[int]) -> list[int]:
        batches.append(len(numbers))
        return await insert(tx, numbers)

    group = GroupCommit(database=database, handle=counted)
    await group.start()
    results = await asyncio.gather(*(group.submit(number) for number in range(50)))
    await group.stop()
    assert results == [number * 2 for number in range(50)]
    assert len(batches) < 10
    assert await database.fetchval("SELECT count(*) FROM numbers WHERE number < 50") == 50


async def test_a_bad_item_fails_its_own_caller_only(database: Database) -> None:
    group = GroupCommit(database=database, handle=insert)
    await group.start()
    results = await asyncio.gather(
        *(group.submit(number) for number in (100, 101, 100, 102)), return_exceptions=True
    )
    await group.stop()
    assert [isinstance(result, Exception) for result in results].count(True) == 1
    assert await database.fetchval("SELECT count(*) FROM numbers WHERE number >= 100") == 3


async def test_without_a_database_every_caller_is_told(database: Database) -> None:
    async def away(tx: Transaction, numbers: Sequence[int]) -> list[int]:
        raise ConnectionResetError

    group = GroupCommit(database=database, handle=away)
    await group.start()
    results = await asyncio.gather(*(group.submit(n) for n in range(3)), return_exceptions=True)
    await group.stop()
    assert [type(result) for result in results] == [DatabaseUnavailable] * 3
