"""All SQL on intake's cases and their referrals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.intake.case_facts import CaseFacts, DecisionFacts, ReferralFacts
from services.intake.case_status import CaseStatus
from services.intake.timeline_entry import TimelineEntry
from shared.contracts.events import AgencyChoices, Channel, ConsentGiven
from shared.plumbing.database import Database, Row, Transaction


class CaseAlreadyExists(Exception):
    """A case of this id was stored before."""


@dataclass(frozen=True)
class NewCase:
    """A request as accepted; `sealed` is a `RequestContent` bound to the case."""

    case_id: UUID
    reference: str
    tracking_secret_hash: bytes
    site_id: str
    station_id: str | None
    channel: Channel
    language: str | None
    taken_at: datetime
    received_at: datetime
    submitted_by: str
    consent: ConsentGiven
    choices: AgencyChoices
    sealed: str


@dataclass(frozen=True)
class Case:
    """A case as stored, with what is known of it."""

    case_id: UUID
    reference: str
    tracking_secret_hash: bytes
    site_id: str
    station_id: str | None
    channel: str
    language: str | None
    taken_at: datetime
    received_at: datetime
    submitted_by: str
    consent: Mapping[str, Any]
    choices: Mapping[str, Any]
    sealed: str
    status: CaseStatus
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    facts: CaseFacts


@dataclass(frozen=True)
class CaseState:
    """What may change of a case, while its row is locked."""

    case_id: UUID
    site_id: str
    received_at: datetime
    status: CaseStatus
    facts: CaseFacts


@dataclass(frozen=True)
class CaseSummary:
    """A case in a list: nothing that identifies a person."""

    case_id: UUID
    reference: str
    status: str
    channel: str
    station_id: str | None
    taken_at: datetime
    received_at: datetime
    urgent: bool
    danger: str | None
    referrals: Sequence[Mapping[str, str]]
    """`{"referral_id", "partner_id", "status"}` each."""


@dataclass(frozen=True)
class PageStart:
    """The last case of the page before."""

    received_at: datetime
    case_id: UUID


async def insert_cases(
    tx: Transaction, cases: Sequence[tuple[NewCase, TimelineEntry]]
) -> set[UUID]:
    """Store cases, each with the first line of its timeline, in one statement.

    Gives the ids of those stored: not of those whose reference is taken. Raises
    `CaseAlreadyExists` when an id is.
    """
    try:
        rows = await tx.fetch(
            """
            WITH given AS (
                SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::text[],
                    $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::text[],
                    $11::jsonb[], $12::jsonb[], $13::text[], $14::uuid[], $15::text[], $16::jsonb[])
                AS g (case_id, reference, tracking_secret_hash, site_id, station_id, channel,
                      language, taken_at, received_at, submitted_by, consent, choices, sealed,
                      event_id, kind, facts)
            ), stored AS (
                INSERT INTO intake.cases (case_id, reference, tracking_secret_hash, site_id,
                    station_id, channel, language, taken_at, received_at, submitted_by, consent,
                    choices, sealed, status)
                SELECT case_id, reference, tracking_secret_hash, site_id, station_id, channel,
                    language, taken_at, received_at, submitted_by, consent, choices, sealed, $17
                FROM given
                ON CONFLICT (reference) DO NOTHING
                RETURNING case_id
            )
            INSERT INTO intake.timeline (event_id, case_id, site_id, kind, at, recorded_at, facts)
            SELECT event_id, case_id, site_id, kind, received_at, received_at, facts
            FROM given JOIN stored USING (case_id)
            RETURNING case_id
            """,
            [case.case_id for case, _ in cases],
            [case.reference for case, _ in cases],
            [case.tracking_secret_hash for case, _ in cases],
            [case.site_id for case, _ in cases],
            [case.station_id for case, _ in cases],
            [case.channel for case, _ in cases],
            [case.language for case, _ in cases],
            [case.taken_at for case, _ in cases],
            [case.received_at for case, _ in cases],
            [case.submitted_by for case, _ in cases],
            [case.consent.model_dump(mode="json") for case, _ in cases],
            [case.choices.model_dump(mode="json") for case, _ in cases],
            [case.sealed for case, _ in cases],
            [first.event_id for _, first in cases],
            [first.kind for _, first in cases],
            [dict(first.facts) for _, first in cases],
            CaseStatus.RECEIVED,
        )
    except asyncpg.UniqueViolationError as error:
        raise CaseAlreadyExists("a case of this id was stored before") from error
    return {row["case_id"] for row in rows}


async def list_states_for_update(
    tx: Transaction, case_ids: Sequence[UUID]
) -> dict[UUID, CaseState]:
    """Lock these cases, in the order of their ids, and read what is known of them."""
    cases = await tx.fetch(
        """
        SELECT case_id, site_id, received_at, status, withdrawn_at, decision, recalled
        FROM intake.cases WHERE case_id = ANY($1::uuid[]) ORDER BY case_id FOR UPDATE
        """,
        list(case_ids),
    )
    referrals = await tx.fetch(
        "SELECT case_id, facts FROM intake.case_referrals WHERE case_id = ANY($1::uuid[])",
        list(case_ids),
    )
    facts_of = _group_by_case(referrals)
    return {
        row["case_id"]: CaseState(
            case_id=row["case_id"],
            site_id=row["site_id"],
            received_at=row["received_at"],
            status=CaseStatus(row["status"]),
            facts=_facts(row, facts_of.get(row["case_id"], [])),
        )
        for row in cases
    }


async def find_state_for_update(
    tx: Transaction, case_id: UUID, *, site_id: str | None
) -> CaseState | None:
    """Lock one case of a site and read what is known of it; `None` when the site has none."""
    state = (await list_states_for_update(tx, [case_id])).get(case_id)
    return state if state is not None and state.site_id == site_id else None


async def update_cases(tx: Transaction, states: Sequence[CaseState]) -> None:
    """Store the decision in force and the status of these cases."""
    await tx.execute(
        """
        UPDATE intake.cases c SET status = r.status, decision = r.decision,
            recalled = string_to_array(r.recalled, ',')::uuid[]
        FROM unnest($1::uuid[], $2::text[], $3::jsonb[], $4::text[])
             AS r (case_id, status, decision, recalled)
        WHERE c.case_id = r.case_id
        """,
        [state.case_id for state in states],
        [state.status for state in states],
        [_dump(state.facts.decision) for state in states],
        # Lists within a list would be one array of two dimensions.
        [",".join(sorted(map(str, state.facts.recalled))) for state in states],
    )


async def update_referrals(
    tx: Transaction, referrals: Sequence[tuple[UUID, ReferralFacts]]
) -> None:
    """Store what is known of these referrals, each with the id of its case."""
    await tx.execute(
        """
        INSERT INTO intake.case_referrals (referral_id, case_id, partner_id, status, facts)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::jsonb[])
        ON CONFLICT (referral_id) DO UPDATE SET status = excluded.status, facts = excluded.facts
        """,
        [referral.referral_id for _, referral in referrals],
        [case_id for case_id, _ in referrals],
        [referral.partner_id for _, referral in referrals],
        [referral.status for _, referral in referrals],
        [_dump(referral) for _, referral in referrals],
    )


async def mark_withdrawn(
    tx: Transaction, case_id: UUID, *, status: CaseStatus, at: datetime, by: str
) -> None:
    """Store that the visitor withdrew the case."""
    await tx.execute(
        """
        UPDATE intake.cases SET withdrawn_at = $2, withdrawn_by = $3, status = $4
        WHERE case_id = $1
        """,
        case_id,
        at,
        by,
        status,
    )


async def find_case(database: Database, case_id: UUID, *, site_id: str | None) -> Case | None:
    """Read a case of a site with its referrals; `None` when the site has none."""
    row = await database.fetchrow(
        "SELECT * FROM intake.cases WHERE case_id = $1 AND site_id = $2", case_id, site_id
    )
    return await _with_referrals(database, row)


async def find_case_by_reference(database: Database, reference: str) -> Case | None:
    """Read a case with its referrals, by its reference as `XXXX-XXXX`."""
    row = await database.fetchrow("SELECT * FROM intake.cases WHERE reference = $1", reference)
    return await _with_referrals(database, row)


async def list_cases(
    database: Database,
    *,
    site_id: str,
    status: CaseStatus | None,
    after: PageStart | None,
    limit: int,
) -> list[CaseSummary]:
    """A page of a site's cases, the latest first."""
    rows = await database.fetch(
        """
        SELECT c.case_id, c.reference, c.status, c.channel, c.station_id, c.taken_at,
               c.received_at, coalesce((c.decision ->> 'urgent')::boolean, false) AS urgent,
               c.decision ->> 'danger' AS danger,
               coalesce((
                   SELECT jsonb_agg(jsonb_build_object('referral_id', r.referral_id,
                       'partner_id', r.partner_id, 'status', r.status) ORDER BY r.partner_id)
                   FROM intake.case_referrals r WHERE r.case_id = c.case_id
               ), '[]'::jsonb) AS referrals
        FROM intake.cases c
        WHERE c.site_id = $1 AND ($2::text IS NULL OR c.status = $2)
          AND ($3::timestamptz IS NULL OR (c.received_at, c.case_id) < ($3, $4::uuid))
        ORDER BY c.received_at DESC, c.case_id DESC LIMIT $5
        """,
        site_id,
        status,
        after.received_at if after else None,
        after.case_id if after else None,
        limit,
    )
    return [CaseSummary(**row) for row in rows]


async def _with_referrals(database: Database, row: Row | None) -> Case | None:
    if row is None:
        return None
    referrals = await database.fetch(
        "SELECT case_id, facts FROM intake.case_referrals WHERE case_id = $1 ORDER BY partner_id",
        row["case_id"],
    )
    columns = dict(row) | {"status": CaseStatus(row["status"])}
    facts = _facts(row, [ReferralFacts.model_validate(r["facts"]) for r in referrals])
    del columns["decision"], columns["recalled"]
    return Case(**columns, facts=facts)


def _facts(row: Row, referrals: Sequence[ReferralFacts]) -> CaseFacts:
    decision = row["decision"]
    return CaseFacts(
        withdrawn=row["withdrawn_at"] is not None,
        decision=DecisionFacts.model_validate(decision) if decision is not None else None,
        recalled=frozenset(row["recalled"]),
        referrals={referral.referral_id: referral for referral in referrals},
    )


def _group_by_case(rows: Sequence[Row]) -> dict[UUID, list[ReferralFacts]]:
    grouped: dict[UUID, list[ReferralFacts]] = {}
    for row in rows:
        grouped.setdefault(row["case_id"], []).append(ReferralFacts.model_validate(row["facts"]))
    return grouped


def _dump(facts: DecisionFacts | ReferralFacts | None) -> dict[str, Any] | None:
    return facts.model_dump(mode="json") if facts is not None else None
