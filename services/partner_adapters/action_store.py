"""All SQL on who did what: only ever added to."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.plumbing.database import Database, Row, Transaction


async def insert_action(
    tx: Transaction,
    *,
    partner_id: str,
    action: str,
    account: str,
    now: datetime,
    referral_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
) -> int:
    """Keep who did what; returns the row's id. `details`: ids, counts and words of ours only."""
    action_id: int = await tx.fetchval(
        """
        INSERT INTO partner_adapters.partner_actions
            (partner_id, action, account, at, referral_id, details)
        VALUES ($1, $2, $3, $4, $5, $6::jsonb) RETURNING id
        """,
        partner_id,
        action,
        account,
        now,
        referral_id,
        dict(details or {}),
    )
    return action_id


async def insert_parts(
    tx: Transaction, action_id: int, referral_ids: Iterable[UUID], *, now: datetime
) -> None:
    """Keep that an action on many was one on these too."""
    await tx.execute(
        """
        INSERT INTO partner_adapters.partner_actions
            (partner_id, action, account, at, referral_id, details, part_of)
        SELECT whole.partner_id, whole.action, whole.account, $3, part.referral_id, whole.details,
               whole.id
        FROM partner_adapters.partner_actions whole, unnest($2::uuid[]) AS part (referral_id)
        WHERE whole.id = $1
        """,
        action_id,
        list(referral_ids),
        now,
    )


async def list_partner_actions(database: Database, partner_id: str, *, limit: int) -> list[Row]:
    """Who did what about a partner, the latest first; an action on many is one."""
    return await database.fetch(
        "SELECT action, account, at, referral_id, details FROM partner_adapters.partner_actions "
        "WHERE partner_id = $1 AND part_of IS NULL ORDER BY id DESC LIMIT $2",
        partner_id,
        limit,
    )


async def list_referral_actions(tx: Transaction, referral_id: UUID) -> list[Row]:
    """Who did what about a referral, the oldest first."""
    return await tx.fetch(
        "SELECT action, account, at, details FROM partner_adapters.partner_actions "
        "WHERE referral_id = $1 ORDER BY id",
        referral_id,
    )
