"""What waits for each partner, as metrics: Kafka's lag says nothing of it."""

from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import Gauge

from services.partner_adapters.partner_store import list_conditions
from shared.plumbing.clock import Clock
from shared.plumbing.database import TRANSIENT, Database, DatabaseUnavailable

log = structlog.get_logger()

_OLDEST = Gauge("aiguillage_oldest_due_seconds", "Age of the oldest delivery due", ["partner"])
_WAITING = Gauge("aiguillage_deliveries_waiting", "Unfinished deliveries", ["partner", "state"])

_EVERY = 15.0


def measuring_backlog(database: Database, *, clock: Clock) -> Callable[[], Awaitable[None]]:
    """The job that measures every 15 s."""

    async def measure() -> None:
        while True:
            try:
                await _measure_once(database, clock)
            except (DatabaseUnavailable, *TRANSIENT) as error:
                log.warning("backlog_not_measured", cause=type(error).__name__)
            await clock.sleep(_EVERY)

    return measure


async def _measure_once(database: Database, clock: Clock) -> None:
    for row in await list_conditions(database):
        oldest = row["oldest_due_at"]
        age = (clock.now() - oldest).total_seconds() if oldest else 0.0
        _OLDEST.labels(row["partner_id"]).set(max(0.0, age))
        for state in ("due", "sending", "uncertain", "parked"):
            _WAITING.labels(row["partner_id"], state).set(row[state])
