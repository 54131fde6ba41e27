"""All SQL on claims: who may send what, what was claimed and never ended, what may come sooner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from services.partner_adapters.partner_adapter import What
from shared.plumbing.database import Database, Row, Transaction


@dataclass(frozen=True)
class ClaimedDelivery:
    """A delivery that is ours to send, under this epoch only, with what its body needs."""

    delivery_id: UUID
    epoch: int
    what: What
    only_look_up: bool
    """It may have been sent, and the partner can be asked: it must not be sent now."""
    batch_id: UUID | None
    """Of the hand-over that this claim is for; to be looked up: of the one it was part of."""
    happened_at: datetime
    answer_sealed: str | None
    referral_id: UUID
    case_id: UUID
    unit_id: str | None
    trace: Mapping[str, str]
    request_sealed: str
    about: Mapping[str, Any]
    """The referral's row."""


async def claim_deliveries(
    database: Database,
    *,
    partner_id: str,
    owner: str,
    now: datetime,
    claimed_until: datetime,
    batch_ids: Sequence[UUID],
    batch: int,
    look_up: bool,
) -> list[list[ClaimedDelivery]]:
    """Take what is due for one call per batch id, at most `batch` deliveries each.

    The longest due come first, and nothing of a partner that is paused. Only the first
    unfinished delivery of a referral can be taken. With `look_up`, a referral that may have
    been sent is taken to be looked up, and keeps the batch it was sent with. One statement,
    which is its own transaction: from its commit on they may have been sent.
    """
    rows = await database.run_alone(
        """
        WITH takable AS (
            SELECT d.delivery_id,
                   $7 AND d.may_have_been_sent AND d.what = 'referral' AS only_look_up
            FROM partner_adapters.deliveries d
            WHERE d.partner_id = $1 AND d.state = 'due' AND d.due_at <= $2
              AND (d.position = 1 OR NOT EXISTS (
                SELECT 1 FROM partner_adapters.deliveries earlier
                WHERE earlier.referral_id = d.referral_id AND earlier.position < d.position
                  AND earlier.state IN ('due', 'sending', 'uncertain', 'parked')))
              AND NOT EXISTS (
                SELECT 1 FROM partner_adapters.partners p
                WHERE p.partner_id = $1 AND p.paused_at IS NOT NULL)
            ORDER BY d.due_at LIMIT $6 * cardinality($5::uuid[]) FOR UPDATE OF d SKIP LOCKED
        ), taken AS (
            SELECT delivery_id, only_look_up, 1 + (row_number() OVER () - 1)::int / $6 AS call
            FROM takable
        )
        UPDATE partner_adapters.deliveries d
        SET state = 'sending', epoch = d.epoch + 1, claimed_by = $3, sending_since = $2,
            claimed_until = $4,
            batch_id = CASE WHEN only_look_up THEN d.batch_id ELSE ($5::uuid[])[call] END
        FROM taken, partner_adapters.referrals r
        WHERE d.delivery_id = taken.delivery_id AND r.referral_id = d.referral_id
        RETURNING taken.call, taken.only_look_up, d.delivery_id, d.epoch, d.what, d.batch_id,
                  d.happened_at, d.sealed AS answer_sealed, r.*
        """,
        partner_id,
        now,
        owner,
        claimed_until,
        list(batch_ids),
        batch,
        look_up,
    )
    in_calls = groupby(sorted(rows, key=itemgetter("call")), key=itemgetter("call"))
    return [[_claimed(row) for row in group] for _, group in in_calls]


async def list_expired_claims(
    database: Database, *, partner_id: str, owner: str, others_at_once: bool, now: datetime
) -> list[Row]:
    """Claims that are over, or with `others_at_once` all those of other owners.

    Columns: delivery_id, referral_id, epoch, sending_since.
    """
    return await database.fetch(
        """
        SELECT delivery_id, referral_id, epoch, sending_since FROM partner_adapters.deliveries
        WHERE partner_id = $1 AND state = 'sending'
          AND (claimed_until <= $2 OR ($3 AND claimed_by <> $4))
        ORDER BY claimed_until LIMIT 500
        """,
        partner_id,
        now,
        others_at_once,
        owner,
    )


async def mark_due_now(
    database: Database | Transaction, *, partner_id: str, now: datetime, rest: timedelta
) -> int:
    """Bring forward what waits after a failure; returns how many deliveries that was.

    What may have been sent keeps its `rest` from its last call: a look-up must not come early.
    """
    [row] = await database.fetch(
        """
        WITH brought_forward AS (
            UPDATE partner_adapters.deliveries
            SET due_at = greatest($2, CASE WHEN may_have_been_sent THEN sending_since + $3 END)
            WHERE partner_id = $1 AND state = 'due' AND due_at > greatest(
                $2, CASE WHEN may_have_been_sent THEN sending_since + $3 END)
            RETURNING 1
        )
        SELECT count(*) AS count FROM brought_forward
        """,
        partner_id,
        now,
        rest,
    )
    return int(row["count"])


def _claimed(row: Row) -> ClaimedDelivery:
    return ClaimedDelivery(
        delivery_id=row["delivery_id"],
        epoch=row["epoch"],
        what=row["what"],
        only_look_up=row["only_look_up"],
        batch_id=row["batch_id"],
        happened_at=row["happened_at"],
        answer_sealed=row["answer_sealed"],
        referral_id=row["referral_id"],
        case_id=row["case_id"],
        unit_id=row["unit_id"],
        trace=row["trace"],
        request_sealed=row["sealed"],
        about=dict(row),
    )
