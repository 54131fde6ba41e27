"""One heap of things to do later, served by one task, however many files are waiting."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

import structlog

log = structlog.get_logger()

Action = Callable[[], None]


class Schedule:
    """Runs small synchronous actions when they are due, in order of due time."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Action]] = []
        self._order = count()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._heap)

    def after(self, seconds: float, action: Action) -> None:
        """Have `action` run in `seconds`; equal due times keep the order of the calls."""
        due = asyncio.get_running_loop().time() + seconds
        heapq.heappush(self._heap, (due, next(self._order), action))
        if self._heap[0][0] == due:
            self._changed.set()

    async def run(self) -> None:
        """Serve the heap until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._run_what_is_due(loop.time())
            self._changed.clear()
            pause = self._heap[0][0] - loop.time() if self._heap else None
            try:
                async with asyncio.timeout(None if pause is None else max(pause, 0)):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _run_what_is_due(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            _, _, action = heapq.heappop(self._heap)
            try:
                action()
            except Exception as error:  # noqa: BLE001 - one bad step must not stop every agency
                log.error("scheduled_step_failed", error=type(error).__name__)
