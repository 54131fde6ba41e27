"""All SQL on referrals, deliveries and attempts, but for claims (`claim_store.py`)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.partner_adapters.partner_adapter import What
from services.partner_adapters.referral_progress import DeliveryProgress, ReferralProgress
from shared.contracts.delivery_state import DeliveryState
from shared.contracts.events import ReferralIssuedV1
from shared.contracts.referral_status import ReferralStatus, is_final
from shared.plumbing.database import Transaction


@dataclass(frozen=True)
class NewDelivery:
    """A delivery to be scheduled, due at once. `sealed`: the answer's text, if it is one."""

    delivery_id: UUID
    referral_id: UUID
    partner_id: str
    what: What
    position: int
    happened_at: datetime
    sealed: str | None = None


@dataclass(frozen=True)
class Attempt:
    """One call. `duration_ms` is None when the process ended before it could tell."""

    delivery_id: UUID
    epoch: int
    started_at: datetime
    duration_ms: int | None
    outcome: str
    reason: str | None
    answer: str | None
    partner_id: str


async def insert_referrals(
    tx: Transaction, issued: Sequence[tuple[ReferralIssuedV1, Mapping[str, str]]]
) -> set[UUID]:
    """Store new referrals with their trace; returns the ids that were not there yet."""
    events = [event for event, _ in issued]
    rows = await tx.fetch(
        """
        INSERT INTO partner_adapters.referrals
            (referral_id, case_id, partner_id, unit_id, status, reference, channel, language,
             urgent, taken_at, issued_at, demarches, trace, sealed)
        SELECT r.referral_id, r.case_id, r.partner_id, r.unit_id, 'issued', r.reference, r.channel,
               r.language, r.urgent, r.taken_at, r.issued_at, r.demarches::jsonb, r.trace, r.sealed
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
                    $7::text[], $8::bool[], $9::timestamptz[], $10::timestamptz[], $11::text[],
                    $12::jsonb[], $13::text[])
            AS r (referral_id, case_id, partner_id, unit_id, reference, channel, language, urgent,
                  taken_at, issued_at, demarches, trace, sealed)
        ON CONFLICT DO NOTHING
        RETURNING referral_id
        """,
        [event.referral_id for event in events],
        [event.case_id for event in events],
        [event.partner_id for event in events],
        [event.unit_id for event in events],
        [event.reference for event in events],
        [event.channel for event in events],
        [event.language for event in events],
        [event.urgent for event in events],
        [event.taken_at for event in events],
        [event.issued_at for event in events],
        # As text: a list of lists would be taken for an array of two dimensions.
        [
            json.dumps([{"id": need.demarche_id, "title": need.title} for need in event.needs])
            for event in events
        ],
        [dict(trace) for _, trace in issued],
        [event.sealed for event in events],
    )
    return {row["referral_id"] for row in rows}


async def insert_deliveries(
    tx: Transaction, deliveries: Sequence[NewDelivery], *, now: datetime
) -> None:
    """Schedule deliveries, due now; one that is there already stays as it is."""
    if not deliveries:
        return
    await tx.execute(
        """
        INSERT INTO partner_adapters.deliveries
            (delivery_id, referral_id, partner_id, what, position, state, due_at, happened_at,
             sealed, scheduled_at)
        SELECT d.delivery_id, d.referral_id, d.partner_id, d.what, d.position, 'due', $8,
               d.happened_at, d.sealed, $8
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::smallint[],
                    $6::timestamptz[], $7::text[])
            AS d (delivery_id, referral_id, partner_id, what, position, happened_at, sealed)
        ON CONFLICT (delivery_id) DO NOTHING
        """,
        [each.delivery_id for each in deliveries],
        [each.referral_id for each in deliveries],
        [each.partner_id for each in deliveries],
        [each.what for each in deliveries],
        [each.position for each in deliveries],
        [each.happened_at for each in deliveries],
        [each.sealed for each in deliveries],
        now,
    )


async def lock_referrals(
    tx: Transaction, referral_ids: Iterable[UUID]
) -> dict[UUID, ReferralProgress]:
    """Working copies of these referrals, under their row locks, with all their deliveries.

    Ids that are unknown are left out. The locks are taken in the order of the ids, so that
    two transactions never wait for each other.
    """
    rows = await tx.fetch(
        """
        SELECT r.referral_id, r.case_id, r.partner_id, r.status, r.status_said_at, r.number,
               r.partner_reference, r.needs_person, r.recalled_at, r.overdue_since, r.trace,
               d.delivery_id, d.what, d.position, d.state, d.due_at, d.epoch,
               d.may_have_been_sent, d.failures, d.first_failed_at, d.reason, d.owner,
               d.sending_since, d.stuck_since, d.finished_at
        FROM partner_adapters.referrals r JOIN partner_adapters.deliveries d USING (referral_id)
        WHERE r.referral_id = ANY($1::uuid[])
        ORDER BY r.referral_id, d.position FOR UPDATE
        """,
        sorted(set(referral_ids)),
    )
    referrals: dict[UUID, ReferralProgress] = {}
    for row in rows:
        referral = referrals.get(row["referral_id"])
        if referral is None:
            referral = referrals[row["referral_id"]] = ReferralProgress(
                referral_id=row["referral_id"],
                case_id=row["case_id"],
                partner_id=row["partner_id"],
                status=ReferralStatus(row["status"]),
                status_said_at=row["status_said_at"],
                number=row["number"],
                partner_reference=row["partner_reference"],
                needs_person=row["needs_person"],
                recalled_at=row["recalled_at"],
                overdue_since=row["overdue_since"],
                trace=row["trace"],
            )
        referral.deliveries.append(
            DeliveryProgress(
                delivery_id=row["delivery_id"],
                what=row["what"],
                position=row["position"],
                state=DeliveryState(row["state"]),
                due_at=row["due_at"],
                epoch=row["epoch"],
                may_have_been_sent=row["may_have_been_sent"],
                failures=row["failures"],
                first_failed_at=row["first_failed_at"],
                reason=row["reason"],
                owner=row["owner"],
                sending_since=row["sending_since"],
                stuck_since=row["stuck_since"],
                finished_at=row["finished_at"],
            )
        )
    return referrals


async def lock_delivery(
    tx: Transaction, delivery_id: UUID
) -> tuple[ReferralProgress, DeliveryProgress] | None:
    """One delivery and its referral, as `lock_referrals`; None: no such delivery."""
    referral_id = await tx.fetchval(
        "SELECT referral_id FROM partner_adapters.deliveries WHERE delivery_id = $1", delivery_id
    )
    if referral_id is None:
        return None
    referral = (await lock_referrals(tx, [referral_id]))[referral_id]
    return referral, referral.delivery(delivery_id)


async def mark_progress(tx: Transaction, referrals: Iterable[ReferralProgress]) -> None:
    """Store the working copies and their deliveries, in one statement."""
    copies = list(referrals)
    deliveries = [delivery for copy in copies for delivery in copy.deliveries]
    if not copies:
        return
    await tx.execute(
        """
        WITH moved AS (
            UPDATE partner_adapters.referrals r
            SET status = c.status, status_said_at = c.status_said_at, number = c.number,
                partner_reference = c.partner_reference, needs_person = c.needs_person,
                recalled_at = c.recalled_at, is_final = c.is_final,
                overdue_since = c.overdue_since
            FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::int[], $5::text[],
                        $6::bool[], $7::timestamptz[], $8::bool[], $9::timestamptz[])
                AS c (referral_id, status, status_said_at, number, partner_reference,
                      needs_person, recalled_at, is_final, overdue_since)
            WHERE r.referral_id = c.referral_id
              AND (r.number, r.partner_reference, r.recalled_at, r.is_final)
                  IS DISTINCT FROM (c.number, c.partner_reference, c.recalled_at, c.is_final)
        )
        UPDATE partner_adapters.deliveries d
        SET state = c.state, due_at = c.due_at, may_have_been_sent = c.may_have_been_sent,
            failures = c.failures, first_failed_at = c.first_failed_at, reason = c.reason,
            owner = c.owner, stuck_since = c.stuck_since, finished_at = c.finished_at
        FROM unnest($10::uuid[], $11::text[], $12::timestamptz[], $13::bool[], $14::smallint[],
                    $15::timestamptz[], $16::text[], $17::text[], $18::timestamptz[],
                    $19::timestamptz[])
            AS c (delivery_id, state, due_at, may_have_been_sent, failures, first_failed_at,
                  reason, owner, stuck_since, finished_at)
        WHERE d.delivery_id = c.delivery_id
          AND (d.state, d.due_at, d.may_have_been_sent, d.failures, d.reason)
              IS DISTINCT FROM (c.state, c.due_at, c.may_have_been_sent, c.failures, c.reason)
        """,
        [copy.referral_id for copy in copies],
        [copy.status.value for copy in copies],
        [copy.status_said_at for copy in copies],
        [copy.number for copy in copies],
        [copy.partner_reference for copy in copies],
        [copy.needs_person for copy in copies],
        [copy.recalled_at for copy in copies],
        [is_final(copy.status) for copy in copies],
        [copy.overdue_since for copy in copies],
        [each.delivery_id for each in deliveries],
        [each.state.value for each in deliveries],
        [each.due_at for each in deliveries],
        [each.may_have_been_sent for each in deliveries],
        [each.failures for each in deliveries],
        [each.first_failed_at for each in deliveries],
        [each.reason for each in deliveries],
        [each.owner for each in deliveries],
        [each.stuck_since for each in deliveries],
        [each.finished_at for each in deliveries],
    )


async def insert_attempts(tx: Transaction, attempts: Sequence[Attempt]) -> None:
    """Keep what each call was; the record of an attempt is never changed."""
    if not attempts:
        return
    await tx.execute(
        """
        INSERT INTO partner_adapters.attempts
            (delivery_id, epoch, started_at, duration_ms, outcome, reason, answer, partner_id)
        SELECT * FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::int[], $5::text[],
                             $6::text[], $7::text[], $8::text[])
        ON CONFLICT DO NOTHING
        """,
        [each.delivery_id for each in attempts],
        [each.epoch for each in attempts],
        [each.started_at for each in attempts],
        [each.duration_ms for each in attempts],
        [each.outcome for each in attempts],
        [each.reason for each in attempts],
        [each.answer for each in attempts],
        [each.partner_id for each in attempts],
    )
