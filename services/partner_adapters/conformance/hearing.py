"""What the agency says while the kit runs, however it reaches us."""

import asyncio
from collections.abc import Callable, Iterable
from uuid import UUID

from services.partner_adapters.partner_adapter import (
    Collects,
    PartnerAdapter,
    PartnerFailure,
    PartnerStatus,
)


class Hearing:
    """Statuses in the order they came, repetitions too, and what could not be read."""

    def __init__(self) -> None:
        self.statuses: list[PartnerStatus] = []
        self.unreadable: list[str] = []
        self._news = asyncio.Event()

    def add(self, statuses: Iterable[PartnerStatus], *, unreadable: Iterable[str] = ()) -> None:
        self.statuses.extend(statuses)
        self.unreadable += [each for each in unreadable if each not in self.unreadable]
        self.say_there_is_news()

    def say_there_is_news(self) -> None:
        """Wake whoever waits for something to happen."""
        self._news.set()

    def of(self, referral_id: UUID) -> list[PartnerStatus]:
        """What was said of one referral, each status once."""
        once: dict[str, PartnerStatus] = {}
        for status in self.statuses:
            if status.referral_id == referral_id:
                once.setdefault(status.status_id, status)
        return list(once.values())

    async def wait_until(self, happened: Callable[[], bool], *, seconds: float) -> bool:
        """Wait until it has happened; False when it has not after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while not happened():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return happened()
        return True


async def keep_collecting(adapter: PartnerAdapter, hearing: Hearing, *, every: float) -> None:
    """Poll as the service does, until cancelled; a page that cannot be had is asked for again."""
    if not isinstance(adapter, Collects):
        return
    cursor: str | None = None
    while True:
        try:
            found = await adapter.collect(cursor)
        except PartnerFailure as failure:
            hearing.add([], unreadable=[f"{type(failure).__name__}: {failure.reason}"])
        else:
            hearing.add(found.statuses, unreadable=found.unreadable)
            moved, cursor = found.cursor != cursor, found.cursor
            if moved and found.statuses:
                continue
        await asyncio.sleep(every)
