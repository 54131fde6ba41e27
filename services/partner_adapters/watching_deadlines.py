"""The job that lets referrals expire and tells of overdue ones, a partner at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from services.partner_adapters.business_days import public_holidays
from services.partner_adapters.expire_referrals import expire_referrals
from services.partner_adapters.partner_file import PartnerFile
from services.partner_adapters.tell_overdue_referrals import tell_overdue_referrals
from shared.plumbing.clock import Clock
from shared.plumbing.database import TRANSIENT, Database, DatabaseUnavailable
from shared.plumbing.outbox import Outbox

log = structlog.get_logger()

_EVERY = 60.0


def watching_deadlines(
    database: Database, partners: Sequence[PartnerFile], *, outbox: Outbox, clock: Clock
) -> Callable[[], Awaitable[None]]:
    """The job that looks every minute; several processes may do it at once."""

    async def watch() -> None:
        if any(partner.deadline for partner in partners):
            await asyncio.to_thread(public_holidays)  # the first time takes half a second
        while True:
            for partner in partners:
                try:
                    await _look_once(database, partner, outbox=outbox, clock=clock)
                except (DatabaseUnavailable, *TRANSIENT) as error:
                    log.warning("deadlines_not_watched", cause=type(error).__name__)
            await clock.sleep(_EVERY)

    return watch


async def _look_once(
    database: Database, partner: PartnerFile, *, outbox: Outbox, clock: Clock
) -> None:
    for end_deadline in (expire_referrals, tell_overdue_referrals):
        more = 1
        while more:
            async with database.transaction() as tx:
                more = await end_deadline(tx, partner=partner, outbox=outbox, clock=clock)
