"""All SQL on the partners' state."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.plumbing.database import Database, Row, Transaction


async def insert_partners(tx: Transaction, partner_ids: Sequence[str]) -> None:
    """Make sure that every partner has its row."""
    await tx.execute(
        "INSERT INTO partner_adapters.partners (partner_id) SELECT unnest($1::text[]) "
        "ON CONFLICT DO NOTHING",
        sorted(partner_ids),
    )


async def lock_descriptions(
    tx: Transaction, partner_ids: Sequence[str]
) -> dict[str, dict[str, Any] | None]:
    """What was last announced of each partner, under its row lock."""
    rows = await tx.fetch(
        "SELECT partner_id, described FROM partner_adapters.partners "
        "WHERE partner_id = ANY($1::text[]) ORDER BY partner_id FOR UPDATE",
        list(partner_ids),
    )
    return {row["partner_id"]: row["described"] for row in rows}


async def mark_described(tx: Transaction, partner_id: str, described: dict[str, Any]) -> None:
    await tx.execute(
        "UPDATE partner_adapters.partners SET described = $2::jsonb WHERE partner_id = $1",
        partner_id,
        described,
    )


async def get_cursor(database: Database, partner_id: str) -> str | None:
    """Where polling goes on; None: from the beginning."""
    cursor: str | None = await database.fetchval(
        "SELECT cursor FROM partner_adapters.partners WHERE partner_id = $1", partner_id
    )
    return cursor


async def mark_cursor(tx: Transaction, partner_id: str, cursor: str | None) -> None:
    await tx.execute(
        "UPDATE partner_adapters.partners SET cursor = $2 WHERE partner_id = $1",
        partner_id,
        cursor,
    )


async def find_breaker(database: Database, partner_id: str) -> Row | None:
    """What `mark_condition` showed last: `breaker`, `needs_attention`."""
    return await database.fetchrow(
        "SELECT breaker, needs_attention FROM partner_adapters.partners WHERE partner_id = $1",
        partner_id,
    )


async def mark_condition(
    database: Database,
    partner_id: str,
    *,
    breaker: str,
    needs_attention: str | None,
    now: datetime,
) -> None:
    """Show people the breaker, and why a person must act on the partner, if one must."""
    await database.run_alone(
        """
        UPDATE partner_adapters.partners
        SET breaker_since = CASE WHEN breaker = $2 THEN breaker_since ELSE $4 END,
            breaker = $2,
            needs_attention_since = CASE WHEN $3::text IS NULL THEN NULL
                WHEN needs_attention = $3 THEN needs_attention_since ELSE $4 END,
            needs_attention = $3
        WHERE partner_id = $1
        """,
        partner_id,
        breaker,
        needs_attention,
        now,
    )


async def mark_retried(tx: Transaction, partner_id: str, *, now: datetime) -> None:
    """A person asked that the partner be called now."""
    await tx.execute(
        "UPDATE partner_adapters.partners SET retried_at = $2 WHERE partner_id = $1",
        partner_id,
        now,
    )


async def find_retried_at(database: Database, partner_id: str) -> datetime | None:
    """When a person last asked that the partner be called."""
    asked: datetime | None = await database.fetchval(
        "SELECT retried_at FROM partner_adapters.partners WHERE partner_id = $1", partner_id
    )
    return asked


async def mark_paused(
    tx: Transaction, partner_id: str, *, paused: bool, account: str, now: datetime
) -> bool:
    """Pause or resume; False when there was nothing to change."""
    changed = await tx.fetchval(
        """
        UPDATE partner_adapters.partners
        SET paused_at = CASE WHEN $2 THEN $4::timestamptz END,
            paused_by = CASE WHEN $2 THEN $3::text END
        WHERE partner_id = $1 AND (paused_at IS NOT NULL) <> $2 RETURNING true
        """,
        partner_id,
        paused,
        account,
        now,
    )
    return bool(changed)


_CONDITION = """
    SELECT p.partner_id, p.paused_at, p.paused_by, p.breaker, p.breaker_since, p.needs_attention,
           p.needs_attention_since, coalesce(d.due, 0) AS due, d.oldest_due_at,
           coalesce(d.sending, 0) AS sending, coalesce(d.uncertain, 0) AS uncertain,
           coalesce(d.parked, 0) AS parked, coalesce(o.overdue, 0) AS overdue
    FROM partner_adapters.partners p LEFT JOIN (
        SELECT partner_id, count(*) FILTER (WHERE state = 'due') AS due,
               min(scheduled_at) FILTER (WHERE state = 'due') AS oldest_due_at,
               count(*) FILTER (WHERE state = 'sending') AS sending,
               count(*) FILTER (WHERE state = 'uncertain') AS uncertain,
               count(*) FILTER (WHERE state = 'parked') AS parked
        FROM partner_adapters.deliveries
        WHERE state IN ('due', 'sending', 'uncertain', 'parked') GROUP BY partner_id
    ) d USING (partner_id) LEFT JOIN (
        SELECT partner_id, count(*) AS overdue FROM partner_adapters.referrals
        WHERE overdue_since IS NOT NULL AND NOT is_final AND status = 'delivered'
        GROUP BY partner_id
    ) o USING (partner_id)
"""


async def list_conditions(database: Database) -> list[Row]:
    """How each partner does: paused, breaker, and counts of what is not finished."""
    return await database.fetch(f"{_CONDITION} ORDER BY p.partner_id")


async def find_condition(database: Database, partner_id: str) -> Row | None:
    return await database.fetchrow(f"{_CONDITION} WHERE p.partner_id = $1", partner_id)


async def list_call_counts(database: Database, *, since: datetime) -> list[Row]:
    """How many calls began since then, per partner: `accepted`, and `failed`, look-ups aside."""
    return await database.fetch(
        """
        SELECT partner_id, count(*) FILTER (WHERE outcome = 'accepted') AS accepted,
               count(*) FILTER (WHERE outcome NOT IN ('accepted', 'not_there')) AS failed
        FROM partner_adapters.attempts WHERE started_at > $1 GROUP BY partner_id
        """,
        since,
    )
