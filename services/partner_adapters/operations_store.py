"""All SQL that operations read, and that finds what they act on."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.partner_adapters.page_place import Place
from shared.plumbing.database import Database, Row, Transaction


@dataclass(frozen=True)
class Filter:
    """Which deliveries of a partner; what is None does not matter.

    `before`: parked or uncertain since before then; due before then.
    """

    partner_id: str
    state: str
    reason: str | None = None
    before: datetime | None = None


async def list_deliveries(
    database: Database | Transaction, of: Filter, *, after: Place | None = None, limit: int
) -> list[Row]:
    """A page of deliveries that are not finished: the longest stuck first, or the next due."""
    return await database.fetch(
        """
        SELECT * FROM partner_adapters.unfinished_deliveries
        WHERE partner_id = $1 AND state = $2 AND ($3::text IS NULL OR reason = $3)
          AND ($4::timestamptz IS NULL OR since < $4)
          AND ($5::timestamptz IS NULL OR (since, delivery_id) > ($5, $6::uuid))
        ORDER BY since, delivery_id LIMIT $7
        """,
        of.partner_id,
        of.state,
        of.reason,
        of.before,
        after.at if after else None,
        after.row_id if after else None,
        limit,
    )


async def count_by_reason(database: Database, of: Filter) -> dict[str, int]:
    """How many deliveries that are not finished, by their reason, the most frequent first."""
    rows = await database.fetch(
        """
        SELECT coalesce(reason, 'none') AS reason, count(*) AS count
        FROM partner_adapters.unfinished_deliveries
        WHERE partner_id = $1 AND state = $2 AND ($3::text IS NULL OR reason = $3)
          AND ($4::timestamptz IS NULL OR since < $4)
        GROUP BY 1 ORDER BY 2 DESC, 1
        """,
        of.partner_id,
        of.state,
        of.reason,
        of.before,
    )
    return {row["reason"]: row["count"] for row in rows}


async def find_referral(tx: Transaction, referral_id: UUID) -> Row | None:
    """A referral without what it says of people."""
    return await tx.fetchrow(
        """
        SELECT referral_id, case_id, partner_id, unit_id, status, status_said_at, number,
               partner_reference, needs_person, recalled_at, reference, channel, urgent, taken_at,
               issued_at, demarches
        FROM partner_adapters.referrals WHERE referral_id = $1
        """,
        referral_id,
    )


async def list_deliveries_of(tx: Transaction, referral_id: UUID) -> list[Row]:
    """All that was or is to be handed over for a referral, in its order."""
    return await tx.fetch(
        """
        SELECT delivery_id, what, position, state, reason, owner, due_at, failures,
               may_have_been_sent, scheduled_at, sending_since, stuck_since, finished_at
        FROM partner_adapters.deliveries WHERE referral_id = $1 ORDER BY position
        """,
        referral_id,
    )


async def list_attempts_of(tx: Transaction, referral_id: UUID) -> list[Row]:
    """Every call about a referral, the oldest first; `answer` is sealed."""
    return await tx.fetch(
        """
        SELECT a.delivery_id, a.epoch, a.started_at, a.duration_ms, a.outcome, a.reason, a.answer
        FROM partner_adapters.attempts a JOIN partner_adapters.deliveries d USING (delivery_id)
        WHERE d.referral_id = $1 ORDER BY a.started_at, d.position, a.epoch
        """,
        referral_id,
    )


async def list_statuses_of(tx: Transaction, referral_id: UUID) -> list[Row]:
    """Everything its partner said of a referral, as it came; `sealed` is sealed."""
    return await tx.fetch(
        """
        SELECT status_id, word, reason_word, said_at, received_at, meaning, sealed
        FROM partner_adapters.seen_statuses
        WHERE referral_id = $1 AND meaning <> 'foreign' ORDER BY received_at, said_at
        """,
        referral_id,
    )
