"""Gather concurrent callers into one transaction: many results for one commit."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shared.plumbing.database import TRANSIENT, Database, DatabaseUnavailable, Transaction

Item = TypeVar("Item")
Result = TypeVar("Result")

_MAX_BATCH = 200


class GroupCommit(Generic[Item, Result]):
    """Runs `handle` on all the items that wait, in one transaction, and answers each caller.

    While one transaction commits, the next items gather, at most 200. When a batch fails, each
    item is tried alone, so that one bad item fails its own caller only; unless the database itself
    is in trouble, which each caller is told at once. `linger` (seconds) trades latency for fewer,
    larger transactions.
    """

    def __init__(
        self,
        *,
        database: Database,
        handle: Callable[[Transaction, Sequence[Item]], Awaitable[Sequence[Result]]],
        linger: float = 0.0,
    ) -> None:
        self._database = database
        self._handle = handle
        self._linger = linger
        self._waiting: asyncio.Queue[tuple[Item, asyncio.Future[Result]]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="group-commit")

    async def stop(self) -> None:
        """Finish what was submitted, then stop."""
        await self._waiting.join()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def submit(self, item: Item) -> Result:
        """Return once the item is committed; raises what its own handling raised."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((item, answer))
        return await answer

    async def _run(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            if self._linger:
                await asyncio.sleep(self._linger)
            while len(batch) < _MAX_BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            try:
                await self._commit(batch)
            finally:
                for _ in batch:
                    self._waiting.task_done()

    async def _commit(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            async with self._database.transaction() as tx:
                results = await self._handle(tx, [item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - each caller gets its own item's error
            if len(batch) == 1 or isinstance(error, (DatabaseUnavailable, *TRANSIENT)):
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
                return
            for alone in batch:
                await self._commit([alone])
            return
        for (_, answer), result in zip(batch, results, strict=True):
            if not answer.done():
                answer.set_result(result)
