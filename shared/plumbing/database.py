"""The connection pool and the only place that begins and commits a transaction."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg

Row: TypeAlias = asyncpg.Record
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_UNAVAILABLE: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InvalidCatalogNameError,
)

TRANSIENT = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
)
"""Errors after which the same transaction may well succeed."""


class DatabaseUnavailable(Exception):
    """PostgreSQL cannot be reached or did not answer in time; nothing was committed for sure."""


class Transaction:
    """An open transaction: what stores are handed to run their SQL on."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._after_commit: list[Callable[[], None]] = []

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        rows: list[Row] = await self._connection.fetch(sql, *args)
        return rows

    async def fetchrow(self, sql: str, *args: object) -> Row | None:
        row: Row | None = await self._connection.fetchrow(sql, *args)
        return row

    async def fetchval(self, sql: str, *args: object) -> Any:
        return await self._connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        status: str = await self._connection.execute(sql, *args)
        return status

    async def executemany(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        await self._connection.executemany(sql, rows)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back once the transaction is committed; never if it is rolled back."""
        if callback not in self._after_commit:
            self._after_commit.append(callback)

    def _committed(self) -> None:
        for callback in self._after_commit:
            callback()


class Database:
    """A pool on one database. Every wait has a time-out; all seconds."""

    def __init__(self, pool: "asyncpg.Pool[Row]", *, url: str, acquire_timeout: float) -> None:
        self._pool = pool
        self._url = url
        self._acquire_timeout = acquire_timeout

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        application: str,
        max_size: int = 8,
        connect_timeout: float = 5,
        acquire_timeout: float = 5,
        statement_timeout: float = 10,
    ) -> "Database":
        """Open the pool; raises `DatabaseUnavailable` when nothing answers."""
        async with _as_unavailable():
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=max_size,
                timeout=connect_timeout,
                command_timeout=statement_timeout + 2,
                init=_set_codecs,
                reset=_leave_as_it_is,
                server_settings={
                    "application_name": f"aiguillage-{application}",
                    "statement_timeout": f"{int(statement_timeout * 1000)}",
                    "idle_in_transaction_session_timeout": "30000",
                    "jit": "off",
                },
            )
        return cls(pool, url=url, acquire_timeout=acquire_timeout)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commit what is done inside, or nothing at all."""
        async with self._borrowed() as connection:
            transaction = Transaction(connection)
            async with connection.transaction():
                yield transaction
        transaction._committed()

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """Read rows, outside any transaction."""
        async with self._borrowed() as connection:
            rows: list[Row] = await connection.fetch(sql, *args)
            return rows

    async def fetchrow(self, sql: str, *args: object) -> Row | None:
        async with self._borrowed() as connection:
            row: Row | None = await connection.fetchrow(sql, *args)
            return row

    async def fetchval(self, sql: str, *args: object) -> Any:
        async with self._borrowed() as connection:
            return await connection.fetchval(sql, *args)

    async def run_alone(self, sql: str, *args: object) -> list[Row]:
        """Run one writing statement that is a transaction by itself; saves BEGIN and COMMIT."""
        return await self.fetch(sql, *args)

    async def probe(self) -> None:
        """Raise `DatabaseUnavailable` unless the database answers."""
        await self.fetchval("SELECT 1")

    @asynccontextmanager
    async def dedicated_connection(self) -> AsyncIterator[Connection]:
        """A connection of one's own, for advisory locks and LISTEN; closed at the end."""
        async with _as_unavailable():
            connection = await asyncpg.connect(self._url, timeout=5, command_timeout=10)
            try:
                yield connection
            finally:
                # close() waits for a server that may be gone; terminate() just lets go.
                connection.terminate()

    async def close(self) -> None:
        """Close the pool, waiting a little for what is under way."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=5)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Any]:
        async with _as_unavailable():
            connection = await self._pool.acquire(timeout=self._acquire_timeout)
            try:
                try:
                    yield connection
                except asyncpg.InterfaceError as error:
                    if _is_lost(connection):
                        raise DatabaseUnavailable("the connection was lost") from error
                    raise
            finally:
                await self._pool.release(connection, timeout=self._acquire_timeout)


@asynccontextmanager
async def _as_unavailable() -> AsyncIterator[None]:
    try:
        yield
    except _UNAVAILABLE as error:
        raise DatabaseUnavailable(f"PostgreSQL is unavailable: {type(error).__name__}") from error


def _is_lost(connection: Any) -> bool:
    """Tell whether its line broke; the pool may have taken it back by then."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


async def _leave_as_it_is(_: Any) -> None:
    """Given back to the pool: an open transaction was rolled back already, by asyncpg.

    Nobody changes a pooled session otherwise (LISTEN and session locks have connections of their
    own), and asyncpg's own reset is four statements each time, more than half of all there were.
    """


async def _set_codecs(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads
    )
