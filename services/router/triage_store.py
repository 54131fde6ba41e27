"""All SQL on `router.triage_items`: what waits for a person, in which order, and who holds it.

An item is held by one account until a moment of the clock; then it is anybody's again. It is
claimed in one statement that passes over rows somebody else is claiming.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.router.case_file import TriageItem
from shared.plumbing.database import Database, Row, Transaction


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of the list ended: the order is urgency, then age, then id."""

    urgency: int
    opened_at: datetime
    case_id: UUID


@dataclass(frozen=True, slots=True)
class Holding:
    """Who holds an item, as long as `until` is not past."""

    account: str
    until: datetime


async def save_triage_items(tx: Transaction, items: Mapping[UUID, TriageItem | None]) -> None:
    """Write what waits now of these cases; None takes a case off the list.

    Whoever holds an item goes on holding it until a decision on it is held; it keeps its age.
    """
    gone = [case_id for case_id, item in items.items() if item is None]
    if gone:
        await tx.execute("DELETE FROM router.triage_items WHERE case_id = ANY($1::uuid[])", gone)
    waiting = [(case_id, item) for case_id, item in items.items() if item is not None]
    if not waiting:
        return
    await tx.execute(
        """
        INSERT INTO router.triage_items AS item (case_id, site_id, urgency, opened_at, settling)
        SELECT * FROM unnest(
            $1::uuid[], $2::text[], $3::smallint[], $4::timestamptz[], $5::boolean[])
        ON CONFLICT (case_id) DO UPDATE SET
            urgency = excluded.urgency, settling = excluded.settling,
            held_by = CASE WHEN NOT excluded.settling THEN item.held_by END,
            held_until = CASE WHEN NOT excluded.settling THEN item.held_until END
        """,
        [case_id for case_id, _ in waiting],
        [item.site_id for _, item in waiting],
        [item.urgency for _, item in waiting],
        [item.opened_at for _, item in waiting],
        [item.settling for _, item in waiting],
    )


async def claim_next_item(
    database: Database,
    *,
    account: str,
    site_id: str | None,
    skip: Sequence[UUID],
    now: datetime,
    until: datetime,
) -> UUID | None:
    """Hold the first item nobody else holds, and give its case; one's own item comes first.

    `site_id` None: of every site. `skip`: cases not wanted now.
    """
    rows = await database.run_alone(
        """
        UPDATE router.triage_items SET held_by = $1, held_until = $5
        WHERE case_id = (
            SELECT case_id FROM router.triage_items
            WHERE NOT settling AND ($2::text IS NULL OR site_id = $2)
                AND case_id <> ALL ($3::uuid[])
                AND (held_until IS NULL OR held_until <= $4 OR held_by = $1)
            ORDER BY (held_by IS NOT DISTINCT FROM $1 AND held_until > $4) DESC,
                urgency, opened_at, case_id
            LIMIT 1
            FOR UPDATE SKIP LOCKED)
        RETURNING case_id
        """,
        account,
        site_id,
        list(skip),
        now,
        until,
    )
    return rows[0]["case_id"] if rows else None


async def mark_given_back(database: Database, *, case_id: UUID, account: str) -> None:
    """Let others have an item; nothing when somebody else holds it, or nobody."""
    await database.run_alone(
        """
        UPDATE router.triage_items SET held_by = NULL, held_until = NULL
        WHERE case_id = $1 AND held_by = $2
        """,
        case_id,
        account,
    )


async def mark_held(tx: Transaction, *, case_id: UUID, holding: Holding) -> None:
    """Hold an item, whoever held it before."""
    await tx.execute(
        "UPDATE router.triage_items SET held_by = $2, held_until = $3 WHERE case_id = $1",
        case_id,
        holding.account,
        holding.until,
    )


async def find_holding(
    source: Transaction | Database, *, case_id: UUID, now: datetime
) -> Holding | None:
    """Who holds an item now; None when nobody does, or it is not on the list."""
    row = await source.fetchrow(
        """
        SELECT held_by, held_until FROM router.triage_items
        WHERE case_id = $1 AND held_until > $2
        """,
        case_id,
        now,
    )
    return Holding(account=row["held_by"], until=row["held_until"]) if row else None


async def list_triage_items(
    database: Database,
    *,
    site_id: str | None,
    after: Place | None,
    now: datetime,
    limit: int,
) -> list[Row]:
    """What waits, in the order it is to be decided, from `after` on."""
    return await database.fetch(
        """
        SELECT item.case_id, item.urgency, item.opened_at, item.site_id,
            CASE WHEN item.held_until > $5 THEN item.held_by END AS held_by,
            c.reference, c.channel, c.language, c.taken_at, d.danger, d.urgent, d.reason
        FROM router.triage_items item
        JOIN router.cases c USING (case_id)
        JOIN router.decisions d USING (case_id, decision_number)
        WHERE NOT item.settling AND ($1::text IS NULL OR item.site_id = $1)
            AND ($2::smallint IS NULL OR
                (item.urgency, item.opened_at, item.case_id) > ($2, $3::timestamptz, $4::uuid))
        ORDER BY item.urgency, item.opened_at, item.case_id
        LIMIT $6
        """,
        site_id,
        after.urgency if after else None,
        after.opened_at if after else None,
        after.case_id if after else None,
        now,
        limit,
    )
