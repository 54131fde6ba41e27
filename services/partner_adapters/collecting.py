"""The loop that polls one partner, apart from its deliveries: either may be in trouble alone."""

import asyncio

import structlog

from services.partner_adapters.collect_statuses import collect_statuses
from services.partner_adapters.partner_adapter import Collects, PartnerFailure
from services.partner_adapters.partner_locks import PartnerLocks
from services.partner_adapters.record_partner_status import RecordStatuses
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, DatabaseUnavailable
from shared.plumbing.sealing import Sealer

log = structlog.get_logger()

_LONGEST_PAUSE = 60.0


class Collecting:
    """Polls one partner while this process holds its lock; `run()` until cancelled."""

    def __init__(
        self,
        *,
        partner_id: str,
        adapter: Collects,
        every: float,
        timeout: float,
        locks: PartnerLocks,
        database: Database,
        record: RecordStatuses,
        sealer: Sealer,
        clock: Clock,
    ) -> None:
        self._partner_id = partner_id
        self._adapter = adapter
        self._every = every
        self._timeout = timeout
        self._locks = locks
        self._database = database
        self._record = record
        self._sealer = sealer
        self._clock = clock
        self._failures = 0

    async def run(self) -> None:
        """Every `every` seconds, at once while there is more, ever less often in trouble."""
        while True:
            await self._locks.acquired(self._partner_id)
            found = await self._once()
            if not found:
                pause = self._every * 2 ** min(self._failures, 10)
                await asyncio.sleep(min(pause, max(_LONGEST_PAUSE, self._every)))

    async def _once(self) -> int:
        try:
            async with asyncio.timeout(self._timeout):
                found = await collect_statuses(
                    self._database,
                    partner_id=self._partner_id,
                    adapter=self._adapter,
                    record=self._record,
                    sealer=self._sealer,
                    clock=self._clock,
                )
        except (PartnerFailure, DatabaseUnavailable, TimeoutError) as error:
            self._failed(str(error) or type(error).__name__)
        except Exception as error:
            # One partner's page must not end the service for the others.
            log.exception("collecting_failed", partner_id=self._partner_id)
            self._failed(type(error).__name__)
        else:
            self._failures = 0
            return found
        return 0

    def _failed(self, reason: str) -> None:
        self._failures += 1
        log.warning(
            "statuses_not_collected",
            partner_id=self._partner_id,
            reason=reason,
            attempt=self._failures,
        )
