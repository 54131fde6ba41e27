"""What is said of a case goes on its timeline and out to the router, in one transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake.timeline_entry import TimelineEntry, kind_of
from services.intake.timeline_store import insert_entries
from shared.contracts.events import CaseEvent
from shared.contracts.topics import CASE_REQUESTS
from shared.plumbing.database import Transaction
from shared.plumbing.outbox import Outbox, OutgoingEvent
from shared.plumbing.tracing import current_trace


async def announce(
    tx: Transaction,
    event: CaseEvent,
    *,
    event_id: UUID,
    site_id: str,
    facts: Mapping[str, Any],
    at: datetime,
    outbox: Outbox,
    referral_id: UUID | None = None,
    partner_id: str | None = None,
    sealed: str | None = None,
) -> None:
    """Append the timeline line and the event; the caller holds the lock on the case."""
    entry = TimelineEntry(
        event_id=event_id,
        case_id=event.case_id,
        kind=kind_of(event),
        at=at,
        facts=facts,
        referral_id=referral_id,
        partner_id=partner_id,
        sealed=sealed,
    )
    await insert_entries(tx, [entry], sites={event.case_id: site_id}, recorded_at=at)
    await outbox.append(
        tx,
        [
            OutgoingEvent(
                topic=CASE_REQUESTS.name, event_id=event_id, data=event, trace=current_trace()
            )
        ],
    )
