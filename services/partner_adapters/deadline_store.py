"""All SQL that finds referrals by their age; at most 500 at once, the oldest first."""

from datetime import datetime
from uuid import UUID

from shared.plumbing.database import Transaction


async def list_issued_before(tx: Transaction, partner_id: str, before: datetime) -> list[UUID]:
    """Referrals of a partner that are not final, unless something of them is being sent."""
    rows = await tx.fetch(
        """
        SELECT referral_id FROM partner_adapters.referrals r
        WHERE partner_id = $1 AND NOT is_final AND issued_at < $2 AND NOT EXISTS (
            SELECT 1 FROM partner_adapters.deliveries d
            WHERE d.referral_id = r.referral_id AND d.state = 'sending')
        ORDER BY issued_at LIMIT 500
        """,
        partner_id,
        before,
    )
    return [row["referral_id"] for row in rows]


async def list_unacknowledged(
    tx: Transaction, partner_id: str, before: datetime
) -> dict[UUID, datetime]:
    """When those were delivered of which the agency said nothing since, and nobody was told."""
    rows = await tx.fetch(
        """
        SELECT r.referral_id, d.finished_at FROM partner_adapters.referrals r
        JOIN partner_adapters.deliveries d ON d.referral_id = r.referral_id AND d.position = 1
        WHERE r.partner_id = $1 AND NOT r.is_final AND r.status = 'delivered'
          AND r.overdue_since IS NULL AND d.finished_at < $2
        ORDER BY r.issued_at LIMIT 500
        """,
        partner_id,
        before,
    )
    return {row["referral_id"]: row["finished_at"] for row in rows}
