"""All SQL on the inbox of agencies that work by portal."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from services.partner_adapters.page_place import Place
from services.partner_adapters.partner_adapter import Delivery, PartnerUnavailable
from shared.contracts.personal import SealedContent, WrittenContent
from shared.contracts.referral_status import ReferralStatus, is_final
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, DatabaseUnavailable, Row, Transaction
from shared.plumbing.sealing import Sealer


class HandedOver(SealedContent):
    """What an agency was handed, as it was: the body of the delivery."""

    body: dict[str, Any]


class PortalInbox:
    """The inbox as a transport: what the portal's adapter delivers to."""

    def __init__(self, *, database: Database, sealer: Sealer, clock: Clock) -> None:
        self._database = database
        self._sealer = sealer
        self._clock = clock

    async def put(self, delivery: Delivery, *, partner_id: str) -> None:
        """Keep it, sealed, in one statement; a repetition changes nothing."""
        put = {"referral": self._referral, "answer": self._answer, "withdrawal": self._withdrawal}
        try:
            await put[delivery.what](delivery, partner_id)
        except DatabaseUnavailable as error:
            raise PartnerUnavailable("inbox_unavailable") from error

    async def _referral(self, delivery: Delivery, partner_id: str) -> None:
        await self._database.run_alone(
            """
            INSERT INTO partner_adapters.portal_inbox
                (referral_id, case_id, partner_id, unit_id, received_at, sealed)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
            """,
            delivery.referral_id,
            delivery.case_id,
            partner_id,
            delivery.unit_id,
            self._clock.now(),
            self._sealer.seal(HandedOver(body=dict(delivery.body)), bound_to=delivery.case_id),
        )

    async def _answer(self, delivery: Delivery, _partner_id: str) -> None:
        content = WrittenContent(text=str(delivery.body["text"]))
        await self._database.run_alone(
            """
            INSERT INTO partner_adapters.portal_messages
                (message_id, referral_id, written_by, at, sealed)
            VALUES ($1, $2, 'house', $3, $4) ON CONFLICT DO NOTHING
            """,
            delivery.delivery_id,
            delivery.referral_id,
            self._clock.now(),
            self._sealer.seal(content, bound_to=delivery.case_id),
        )

    async def _withdrawal(self, delivery: Delivery, _partner_id: str) -> None:
        await self._database.run_alone(
            "UPDATE partner_adapters.portal_inbox SET withdrawn_at = $2 "
            "WHERE referral_id = $1 AND withdrawn_at IS NULL",
            delivery.referral_id,
            self._clock.now(),
        )


_ROW = """
    SELECT i.referral_id, i.case_id, i.partner_id, i.unit_id, i.received_at, i.withdrawn_at,
           i.sealed, r.status
    FROM partner_adapters.portal_inbox i JOIN partner_adapters.referrals r USING (referral_id)
"""

# A unit that is not known is everybody's in that agency, so that nothing lies unseen.
_VISIBLE = """
    i.partner_id = ANY($1::text[]) AND (i.unit_id IS NULL OR EXISTS (
        SELECT 1 FROM unnest($1::text[], $2::text[]) AS mine (partner_id, unit_id)
        WHERE mine.partner_id = i.partner_id AND mine.unit_id IN ('*', i.unit_id)))
"""


async def list_inbox(
    database: Database,
    *,
    units: Mapping[str, frozenset[str]],
    status: Literal["open", "closed", "all"],
    after: Place | None,
    limit: int,
) -> list[Row]:
    """A page of what these units may see, the longest waiting first."""
    partners, unit_ids = _flat(units)
    return await database.fetch(
        f"""
        {_ROW} WHERE {_VISIBLE}
          AND ($3 = 'all' OR (r.status = ANY($7::text[])) = ($3 = 'closed'))
          AND ($4::timestamptz IS NULL OR (i.received_at, i.referral_id) > ($4, $5::uuid))
        ORDER BY i.received_at, i.referral_id LIMIT $6
        """,
        partners,
        unit_ids,
        status,
        after.at if after else None,
        after.row_id if after else None,
        limit,
        [each.value for each in ReferralStatus if is_final(each)],
    )


async def find_in_inbox(
    database: Database | Transaction, *, units: Mapping[str, frozenset[str]], referral_id: UUID
) -> Row | None:
    """One referral, if these units may see it."""
    partners, unit_ids = _flat(units)
    return await database.fetchrow(
        f"{_ROW} WHERE {_VISIBLE} AND i.referral_id = $3", partners, unit_ids, referral_id
    )


async def list_messages(database: Database, referral_ids: Sequence[UUID]) -> list[Row]:
    """What was written on these referrals, by the house or by the agency, oldest first."""
    return await database.fetch(
        """
        SELECT message_id, referral_id, written_by, at, sealed
        FROM partner_adapters.portal_messages WHERE referral_id = ANY($1::uuid[])
        ORDER BY at, message_id
        """,
        list(referral_ids),
    )


async def insert_agency_message(
    tx: Transaction, *, message_id: UUID, referral_id: UUID, at: datetime, sealed: str
) -> None:
    """Keep what the agency wrote beside what it was sent."""
    await tx.execute(
        """
        INSERT INTO partner_adapters.portal_messages
            (message_id, referral_id, written_by, at, sealed)
        VALUES ($1, $2, 'agency', $3, $4) ON CONFLICT DO NOTHING
        """,
        message_id,
        referral_id,
        at,
        sealed,
    )


def _flat(units: Mapping[str, frozenset[str]]) -> tuple[list[str], list[str]]:
    pairs = [(partner, unit) for partner, its in units.items() for unit in sorted(its)]
    return [partner for partner, _ in pairs], [unit for _, unit in pairs]
