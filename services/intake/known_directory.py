"""The directory as this process last read it, so that a request costs no look-up."""

import asyncio
from datetime import datetime, timedelta

from services.intake.directory import Directory
from services.intake.directory_store import get_directory
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database

_KEPT = timedelta(seconds=30)
_REREAD_AFTER = timedelta(seconds=1)
"""An unknown site may have been opened just now; reading more often than this helps nobody."""


class KnownDirectory:
    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._one_reader = asyncio.Lock()
        self._directory: Directory | None = None
        self._read_at: datetime | None = None

    async def get(self, *, naming_site: str | None = None) -> Directory:
        """The directory, at most 30 s old; 1 s when it does not know the site named."""
        if self._directory is None or self._is_older_than(_KEPT):
            return await self._read(unless_younger=_KEPT)
        if naming_site is None or naming_site in self._directory.stations_by_site:
            return self._directory
        return await self._read(unless_younger=_REREAD_AFTER)

    def _is_older_than(self, age: timedelta) -> bool:
        return self._read_at is None or self._clock.now() - self._read_at >= age

    async def _read(self, *, unless_younger: timedelta) -> Directory:
        async with self._one_reader:
            if self._directory is None or self._is_older_than(unless_younger):
                self._directory = await get_directory(self._database)
                self._read_at = self._clock.now()
            return self._directory
