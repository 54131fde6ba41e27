"""Each event is handled once: its id is stored in the transaction that handles it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from shared.plumbing.database import Database, Transaction

KEPT = timedelta(days=8)
"""One day more than any topic keeps an event."""


async def insert_unseen(
    tx: Transaction, *, schema: str, consumer: str, event_ids: Sequence[UUID], now: datetime
) -> set[UUID]:
    """Mark these events as seen and return those that were not yet."""
    rows = await tx.fetch(
        f"""
        INSERT INTO {schema}.inbox (consumer, event_id, seen_at)
        SELECT $1, event_id, $3 FROM unnest($2::uuid[]) AS event_id ORDER BY event_id
        ON CONFLICT DO NOTHING RETURNING event_id
        """,
        consumer,
        list(event_ids),
        now,
    )
    return {row["event_id"] for row in rows}


async def sweep_inbox(database: Database, *, schema: str, now: datetime) -> None:
    """Forget the ids of events that no topic holds any more, and idempotency keys as old."""
    for table, column in (("inbox", "seen_at"), ("idempotency_keys", "created_at")):
        await database.run_alone(f"DELETE FROM {schema}.{table} WHERE {column} < $1", now - KEPT)
