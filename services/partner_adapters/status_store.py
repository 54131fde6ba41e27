"""All SQL on what partners said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.partner_adapters.partner_adapter import PartnerStatus
from shared.plumbing.database import Transaction


@dataclass(frozen=True)
class Said:
    """A status and who said it."""

    partner_id: str
    status: PartnerStatus


Meant = tuple[Said, str, str | None]
"""A status, what it meant, and its words, sealed."""


async def insert_unseen_statuses(
    tx: Transaction, said: Sequence[Said], *, now: datetime
) -> set[tuple[str, str]]:
    """Keep what is new; returns its (partner_id, status_id). A repetition changes nothing."""
    rows = await tx.fetch(
        """
        INSERT INTO partner_adapters.seen_statuses
            (partner_id, status_id, referral_id, word, reason_word, said_at, received_at)
        SELECT s.*, $7 FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[],
                                   $6::timestamptz[]) AS s
        ORDER BY 1, 2
        ON CONFLICT DO NOTHING RETURNING partner_id, status_id
        """,
        [each.partner_id for each in said],
        [each.status.status_id for each in said],
        [each.status.referral_id for each in said],
        [each.status.word for each in said],
        [each.status.reason_word for each in said],
        [each.status.at for each in said],
        now,
    )
    return {(row["partner_id"], row["status_id"]) for row in rows}


async def mark_meanings(tx: Transaction, meanings: Sequence[Meant]) -> None:
    """Keep what each status meant, and its words."""
    if not meanings:
        return
    await tx.execute(
        """
        UPDATE partner_adapters.seen_statuses s SET meaning = m.meaning, sealed = m.sealed
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
            AS m (partner_id, status_id, meaning, sealed)
        WHERE s.partner_id = m.partner_id AND s.status_id = m.status_id
        """,
        [said.partner_id for said, _, _ in meanings],
        [said.status.status_id for said, _, _ in meanings],
        [meaning for _, meaning, _ in meanings],
        [sealed for _, _, sealed in meanings],
    )
