"""Ask a polling partner for what is new, and record it together with where to go on."""

from uuid import UUID

import structlog

from services.partner_adapters import SCHEMA
from services.partner_adapters.partner_adapter import Collects
from services.partner_adapters.partner_store import get_cursor, mark_cursor
from services.partner_adapters.record_partner_status import RecordStatuses
from services.partner_adapters.status_store import Said
from shared.contracts.events import derive_id
from shared.contracts.personal import WrittenContent
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database
from shared.plumbing.dead_letters import DeadLetter, insert_dead_letters
from shared.plumbing.sealing import Sealer

log = structlog.get_logger()

UNREADABLE = "a status that does not parse"


async def collect_statuses(
    database: Database,
    *,
    partner_id: str,
    adapter: Collects,
    record: RecordStatuses,
    sealer: Sealer,
    clock: Clock,
) -> int:
    """One page; returns how many statuses it held. Raises `PartnerFailure`.

    The cursor is stored in the transaction that records the page, so that nothing is skipped;
    what is read twice is recognised. What makes no sense is buried as dead letters.
    """
    cursor = await get_cursor(database, partner_id)
    page = await adapter.collect(cursor)
    trouble = [(entry, UNREADABLE) for entry in page.unreadable]
    trouble += [(each.entry, each.problem) for each in page.unfinished]
    if not page.statuses and not trouble and page.cursor == cursor:
        return 0
    async with database.transaction() as tx:
        if page.statuses:
            await record(tx, [Said(partner_id=partner_id, status=each) for each in page.statuses])
        await insert_dead_letters(
            tx,
            schema=SCHEMA,
            letters=[
                _letter(partner_id, entry, problem=problem, sealer=sealer)
                for entry, problem in trouble
            ],
            now=clock.now(),
        )
        await mark_cursor(tx, partner_id, page.cursor)
    if trouble:
        log.error("dead_letters_buried", partner_id=partner_id, count=len(trouble))
    return len(page.statuses) + len(trouble)


def _letter(partner_id: str, entry: str, *, problem: str, sealer: Sealer) -> DeadLetter:
    # Polled lists have no offsets: the content's own makes burying it twice harmless.
    entry_id: UUID = derive_id("unreadable status", partner_id, entry)
    sealed = sealer.seal(WrittenContent(text=entry), bound_to=entry_id)
    return DeadLetter(
        consumer=SCHEMA,
        topic=f"statuses of {partner_id}",
        partition=0,
        offset=entry_id.int >> 65,
        key=str(entry_id).encode(),
        headers=[],
        value=sealed.encode(),
        error=problem,
    )
