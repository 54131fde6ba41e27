"""Tell listeners what happens at their site, as it happens and from where they left off.

One tailer per process reads the timeline for all its listeners, whichever replica wrote it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from services.intake.timeline_store import (
    News,
    Position,
    get_position,
    list_news,
    list_news_of_site,
)
from shared.plumbing.database import TRANSIENT, Database, DatabaseUnavailable

log = structlog.get_logger()

_POLL = 0.5
"""Seconds between looks while somebody listens: how late another replica's news may be."""
_RETRY = 2.0
_PAGE = 500
_QUEUE = 1000
MOST_STREAMS = 20
"""At once, for one account in one process: a site's screens, and some lines not yet known cut."""


class _Listener:
    """The news of one site on their way to one client."""

    def __init__(self, site_id: str, *, account: str) -> None:
        self.site_id = site_id
        self.account = account
        self.news: asyncio.Queue[News | None] = asyncio.Queue(maxsize=_QUEUE)
        self.ended = False

    def offer(self, news: News) -> None:
        if self.ended or news.site_id != self.site_id:
            return
        try:
            self.news.put_nowait(news)
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
        """End the stream; the client comes back from the last event it got."""
        self.ended = True
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                self.news.get_nowait()
        self.news.put_nowait(None)


class EventFeed:
    """The tailer of one process and its listeners; `run()` until cancelled."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._listeners: set[_Listener] = set()
        self._position: Position | None = None
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look at once: something was just committed here."""
        self._wake.set()

    def has_room_for(self, account: str) -> bool:
        """Tell whether this account may follow once more."""
        following = sum(listener.account == account for listener in self._listeners)
        return following < MOST_STREAMS

    def end_all(self) -> None:
        """End every stream, because the process stops."""
        for listener in list(self._listeners):
            listener.end()

    async def run(self) -> None:
        """Tail the timeline while somebody listens."""
        while True:
            try:
                await self._tail()
            except (DatabaseUnavailable, *TRANSIENT):
                log.warning("event_feed_interrupted", listeners=len(self._listeners))
                await asyncio.sleep(_RETRY)

    async def _tail(self) -> None:
        while True:
            full = False
            if self._listeners and self._position is not None:
                news = await list_news(self._database, after=self._position, limit=_PAGE)
                for each in news:
                    self._position = each.position
                    for listener in self._listeners:
                        listener.offer(each)
                full = len(news) == _PAGE
            if not full:
                with contextlib.suppress(TimeoutError):
                    # Not wait_for: on Python 3.11 it can swallow the cancellation that ends us.
                    async with asyncio.timeout(_POLL if self._listeners else None):
                        await self._wake.wait()
                self._wake.clear()

    async def follow(
        self, site_id: str, *, account: str, after: Position | None, heartbeat: float
    ) -> AsyncIterator[News | None]:
        """The news of a site, those after `after` first; `None` each `heartbeat` quiet seconds.

        Ends when the client is too slow or the process stops; the client then comes back. Ends
        at once for an account that has no room left.
        """
        start = await get_position(self._database)
        if not self.has_room_for(account):
            return
        if not self._listeners or self._position is None:
            self._position = start
        if after is not None and after > start:
            after = None  # from before a restore: transactions are counted anew there
        seen = self._position
        listener = _Listener(site_id, account=account)
        self._listeners.add(listener)
        self._wake.set()
        try:
            async for news in self._missed(site_id, after=after, until=seen):
                yield news
            seen = max(seen, after or seen)
            while True:
                try:
                    async with asyncio.timeout(heartbeat):
                        following = await listener.news.get()
                except TimeoutError:
                    yield None
                    continue
                if following is None:
                    return
                if following.position > seen:
                    seen = following.position
                    yield following
        finally:
            self._listeners.discard(listener)

    async def _missed(
        self, site_id: str, *, after: Position | None, until: Position
    ) -> AsyncIterator[News]:
        while after is not None:
            page = await list_news_of_site(
                self._database, site_id=site_id, after=after, until=until, limit=_PAGE
            )
            for news in page:
                yield news
            if len(page) < _PAGE:
                return
            after = page[-1].position
