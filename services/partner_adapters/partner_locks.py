"""One process serves a partner at a time: advisory locks on one connection of their own.

When the process dies, or is cut from the database, its locks go and another takes over
within a second or two. What a cut-off process still records fails by its epoch.
"""

import asyncio
import zlib
from collections.abc import Sequence

import structlog

from shared.plumbing.database import TRANSIENT, Connection, Database, DatabaseUnavailable

log = structlog.get_logger()

_CLASS = zlib.crc32(b"partner_adapters partner") & 0x7FFFFFFF


class PartnerLocks:
    """The locks of this process; `run()` until cancelled. `every`: seconds between attempts."""

    def __init__(
        self, *, database: Database, partner_ids: Sequence[str], every: float = 1.0
    ) -> None:
        self._database = database
        self._every = every
        self._numbers = {zlib.crc32(each.encode()) & 0x7FFFFFFF: each for each in partner_ids}
        self._held = {each: asyncio.Event() for each in partner_ids}

    def holds(self, partner_id: str) -> bool:
        """Tell whether this process may serve the partner now."""
        return self._held[partner_id].is_set()

    async def acquired(self, partner_id: str) -> None:
        """Wait until this process may serve the partner."""
        await self._held[partner_id].wait()

    async def run(self) -> None:
        """Take what is free and notice what is lost, for ever."""
        while True:
            try:
                async with self._database.dedicated_connection() as connection:
                    while True:
                        await self._take_free(connection)
                        await asyncio.sleep(self._every)
            except (DatabaseUnavailable, *TRANSIENT) as error:
                log.warning("partner_locks_lost", cause=str(error))
            finally:
                for held in self._held.values():
                    held.clear()
            await asyncio.sleep(self._every)

    async def _take_free(self, connection: Connection) -> None:
        """One statement, which also notices a dead connection when nothing is left to take."""
        wanted = [n for n, partner_id in self._numbers.items() if not self.holds(partner_id)]
        try:
            rows = await connection.fetch(
                "SELECT number FROM unnest($1::int[]) AS number "
                "WHERE pg_try_advisory_lock($2, number)",
                wanted,
                _CLASS,
            )
        except Exception as error:
            if connection.is_closed():
                raise DatabaseUnavailable("the connection of the locks was lost") from error
            raise
        for row in rows:
            partner_id = self._numbers[row["number"]]
            self._held[partner_id].set()
            log.info("partner_taken_over", partner_id=partner_id)
