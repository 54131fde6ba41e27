"""All SQL on the router's tables: case files in, case files out, a batch at a time.

Whoever changes a case holds its row first (`lock_cases`), in the order of case ids: so two
consumers and the loop of held decisions never wait for each other in a circle, and the
outbox rows of a case follow the order of its commits.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter

from services.router.case_file import CaseFile, Decision, HeldDecision, Referral, Request
from services.router.triage_store import save_triage_items
from shared.contracts.events import AgencyChoices, ConsentGiven, DecidedNeed, OutsideBody
from shared.plumbing.database import Database, Row, Transaction

_NEEDS = TypeAdapter(tuple[DecidedNeed, ...])
_BODIES = TypeAdapter(tuple[OutsideBody, ...])


async def lock_cases(tx: Transaction, case_ids: Iterable[UUID]) -> dict[UUID, CaseFile]:
    """The files of these cases, held until the commit; an empty file for a case never heard of."""
    wanted = sorted(set(case_ids))
    rows = await tx.fetch(
        "SELECT * FROM router.cases WHERE case_id = ANY($1::uuid[]) ORDER BY case_id FOR UPDATE",
        wanted,
    )
    known = await _read_files(tx, rows)
    return {case_id: known.get(case_id, CaseFile(case_id)) for case_id in wanted}


async def find_due_case(tx: Transaction, *, case_id: UUID) -> CaseFile | None:
    """The file of one case, held until the commit; None while another holds it."""
    rows = await tx.fetch(
        "SELECT * FROM router.cases WHERE case_id = $1 FOR UPDATE SKIP LOCKED", case_id
    )
    return (await _read_files(tx, rows)).get(case_id)


async def find_case(tx: Transaction, *, case_id: UUID) -> CaseFile | None:
    """The file of one case, to be read only."""
    rows = await tx.fetch("SELECT * FROM router.cases WHERE case_id = $1", case_id)
    return (await _read_files(tx, rows)).get(case_id)


async def find_case_of_held_decision(database: Database, *, decision_id: UUID) -> UUID | None:
    """The case a person's decision is about."""
    row = await database.fetchrow(
        "SELECT case_id FROM router.held_decisions WHERE reroute_id = $1", decision_id
    )
    return row["case_id"] if row else None


async def list_due_cases(database: Database, *, now: datetime, limit: int) -> list[UUID]:
    """Cases on which a held decision is due, the longest due first."""
    rows = await database.fetch(
        """
        SELECT case_id FROM router.held_decisions
        WHERE state = 'waiting' AND due_at <= $1
        GROUP BY case_id ORDER BY min(due_at) LIMIT $2
        """,
        now,
        limit,
    )
    return [row["case_id"] for row in rows]


async def save_cases(
    tx: Transaction,
    *,
    before: Mapping[UUID, CaseFile],
    after: Mapping[UUID, CaseFile],
    decisions: Sequence[Decision],
) -> None:
    """Write what changed between two readings of the same cases, and the decisions taken."""
    changed = [case for case_id, case in after.items() if case is not before[case_id]]
    if not changed:
        return
    await _upsert_cases(tx, changed)
    await _insert_decisions(tx, decisions)
    await _upsert_referrals(
        tx,
        [
            (case.case_id, referral)
            for case in changed
            for referral in case.referrals
            if referral not in before[case.case_id].referrals
        ],
    )
    await _upsert_held_decisions(
        tx,
        [
            (case.case_id, held)
            for case in changed
            for held in case.held
            if held not in before[case.case_id].held
        ],
    )
    await save_triage_items(
        tx,
        {
            case.case_id: case.triage
            for case in changed
            if case.triage != before[case.case_id].triage
        },
    )


async def _upsert_cases(tx: Transaction, cases: Sequence[CaseFile]) -> None:
    requests = [case.request for case in cases]
    await tx.execute(
        """
        INSERT INTO router.cases (
            case_id, reference, channel, site_id, language, taken_at, consent, choices, sealed,
            decision_number, excluded_partners, withdrawn_at)
        SELECT case_id, reference, channel, site_id, language, taken_at, consent::jsonb,
            choices::jsonb, sealed, decision_number, excluded_partners::jsonb,
            withdrawn_at
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
            $7::text[], $8::text[], $9::text[], $10::integer[], $11::text[], $12::timestamptz[])
            AS c (case_id, reference, channel, site_id, language, taken_at, consent, choices,
                sealed, decision_number, excluded_partners, withdrawn_at)
        ON CONFLICT (case_id) DO UPDATE SET
            reference = excluded.reference, channel = excluded.channel,
            site_id = excluded.site_id, language = excluded.language,
            taken_at = excluded.taken_at, consent = excluded.consent,
            choices = excluded.choices, sealed = excluded.sealed,
            decision_number = excluded.decision_number,
            excluded_partners = excluded.excluded_partners,
            withdrawn_at = excluded.withdrawn_at
        """,
        [case.case_id for case in cases],
        [request and request.reference for request in requests],
        [request and request.channel for request in requests],
        [request and request.site_id for request in requests],
        [request and request.language for request in requests],
        [request and request.taken_at for request in requests],
        [request and request.consent.model_dump_json() for request in requests],
        [request and request.choices.model_dump_json() for request in requests],
        [request and request.sealed for request in requests],
        [case.decision.number if case.decision else 0 for case in cases],
        [json.dumps(sorted(case.excluded)) for case in cases],
        [case.withdrawn_at for case in cases],
    )


async def _insert_decisions(tx: Transaction, decisions: Sequence[Decision]) -> None:
    if not decisions:
        return
    await tx.execute(
        """
        INSERT INTO router.decisions (
            decision_id, case_id, decision_number, outcome, decided_at, decided_by,
            model_version, reason, urgent, danger, needs, bodies, suggestions)
        SELECT decision_id, case_id, decision_number, outcome, decided_at, decided_by,
            model_version, reason, urgent, danger, needs::jsonb, bodies::jsonb, suggestions::jsonb
        FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[], $5::timestamptz[],
            $6::text[], $7::text[], $8::text[], $9::boolean[], $10::text[], $11::text[],
            $12::text[], $13::text[])
            AS d (decision_id, case_id, decision_number, outcome, decided_at, decided_by,
                model_version, reason, urgent, danger, needs, bodies, suggestions)
        """,
        [decision.decision_id for decision in decisions],
        [decision.case_id for decision in decisions],
        [decision.number for decision in decisions],
        [decision.outcome for decision in decisions],
        [decision.decided_at for decision in decisions],
        [decision.decided_by for decision in decisions],
        [decision.model_version for decision in decisions],
        [decision.reason for decision in decisions],
        [decision.urgent for decision in decisions],
        [decision.danger for decision in decisions],
        [_NEEDS.dump_json(decision.needs).decode() for decision in decisions],
        [_BODIES.dump_json(decision.bodies).decode() for decision in decisions],
        [json.dumps(decision.suggestions) for decision in decisions],
    )


async def _upsert_referrals(tx: Transaction, referrals: Sequence[tuple[UUID, Referral]]) -> None:
    if not referrals:
        return
    await tx.execute(
        """
        INSERT INTO router.referrals (
            referral_id, case_id, decision_id, partner_id, unit_id, needs, issued_at,
            ended_at, ended_because, refusal_reason, refusal_sealed)
        SELECT referral_id, case_id, decision_id, partner_id, unit_id, needs::jsonb, issued_at,
            ended_at, ended_because, refusal_reason, refusal_sealed
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[],
            $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[], $11::text[])
            AS r (referral_id, case_id, decision_id, partner_id, unit_id, needs, issued_at,
                ended_at, ended_because, refusal_reason, refusal_sealed)
        ON CONFLICT (referral_id) DO UPDATE SET
            ended_at = excluded.ended_at, ended_because = excluded.ended_because,
            refusal_reason = excluded.refusal_reason, refusal_sealed = excluded.refusal_sealed
        """,
        [referral.referral_id for _, referral in referrals],
        [case_id for case_id, _ in referrals],
        [referral.decision_id for _, referral in referrals],
        [referral.partner_id for _, referral in referrals],
        [referral.unit_id for _, referral in referrals],
        [_NEEDS.dump_json(referral.needs).decode() for _, referral in referrals],
        [referral.issued_at for _, referral in referrals],
        [referral.ended_at for _, referral in referrals],
        [referral.ended_because for _, referral in referrals],
        [referral.refusal_reason for _, referral in referrals],
        [referral.refusal_sealed for _, referral in referrals],
    )


async def _upsert_held_decisions(
    tx: Transaction, decisions: Sequence[tuple[UUID, HeldDecision]]
) -> None:
    if not decisions:
        return
    await tx.execute(
        """
        INSERT INTO router.held_decisions (
            reroute_id, case_id, referral_id, partners, asked_by, asked_at, due_at, trace,
            state, settled_at, body_id)
        SELECT reroute_id, case_id, referral_id, partners::jsonb, asked_by, asked_at, due_at,
            trace::jsonb, state, settled_at, body_id
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[],
            $6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[], $10::timestamptz[],
            $11::text[])
            AS h (reroute_id, case_id, referral_id, partners, asked_by, asked_at, due_at, trace,
                state, settled_at, body_id)
        ON CONFLICT (reroute_id) DO UPDATE SET
            state = excluded.state, settled_at = excluded.settled_at
        """,
        [held.reroute_id for _, held in decisions],
        [case_id for case_id, _ in decisions],
        [held.referral_id for _, held in decisions],
        [json.dumps(held.partners) for _, held in decisions],
        [held.asked_by for _, held in decisions],
        [held.asked_at for _, held in decisions],
        [held.due_at for _, held in decisions],
        [json.dumps(dict(held.trace)) for _, held in decisions],
        [held.state for _, held in decisions],
        [held.settled_at for _, held in decisions],
        [held.body_id for _, held in decisions],
    )


async def _read_files(tx: Transaction, rows: Sequence[Row]) -> dict[UUID, CaseFile]:
    """Complete locked case rows with what belongs to them.

    Separate statements, not joins: each sees what was committed while we waited for a lock.
    """
    if not rows:
        return {}
    case_ids = [row["case_id"] for row in rows]
    decisions = await tx.fetch(
        """
        SELECT decisions.* FROM router.decisions
        JOIN router.cases USING (case_id, decision_number)
        WHERE case_id = ANY($1::uuid[])
        """,
        case_ids,
    )
    referrals = await tx.fetch(
        """
        SELECT * FROM router.referrals WHERE case_id = ANY($1::uuid[])
        ORDER BY issued_at, referral_id
        """,
        case_ids,
    )
    held = await tx.fetch(
        """
        SELECT * FROM router.held_decisions WHERE case_id = ANY($1::uuid[])
        ORDER BY due_at, reroute_id
        """,
        case_ids,
    )
    decision_of = {row["case_id"]: _decision(row) for row in decisions}
    referrals_of: defaultdict[UUID, list[Referral]] = defaultdict(list)
    for row in referrals:
        referrals_of[row["case_id"]].append(_referral(row))
    held_of: defaultdict[UUID, list[HeldDecision]] = defaultdict(list)
    for row in held:
        held_of[row["case_id"]].append(_held_decision(row))
    return {
        row["case_id"]: CaseFile(
            case_id=row["case_id"],
            request=_request(row),
            decision=decision_of.get(row["case_id"]),
            referrals=tuple(referrals_of[row["case_id"]]),
            held=tuple(held_of[row["case_id"]]),
            excluded=frozenset(row["excluded_partners"]),
            withdrawn_at=row["withdrawn_at"],
        )
        for row in rows
    }


def _request(row: Row) -> Request | None:
    if row["sealed"] is None:
        return None
    return Request(
        reference=row["reference"],
        channel=row["channel"],
        site_id=row["site_id"],
        language=row["language"],
        taken_at=row["taken_at"],
        consent=ConsentGiven.model_validate(row["consent"]),
        choices=AgencyChoices.model_validate(row["choices"]),
        sealed=row["sealed"],
    )


def _decision(row: Row) -> Decision:
    return Decision(
        decision_id=row["decision_id"],
        case_id=row["case_id"],
        number=row["decision_number"],
        outcome=row["outcome"],
        decided_at=row["decided_at"],
        decided_by=row["decided_by"],
        model_version=row["model_version"],
        reason=row["reason"],
        urgent=row["urgent"],
        danger=row["danger"],
        needs=_NEEDS.validate_python(row["needs"]),
        bodies=_BODIES.validate_python(row["bodies"]),
        suggestions=tuple(row["suggestions"]),
    )


def _referral(row: Row) -> Referral:
    return Referral(
        referral_id=row["referral_id"],
        decision_id=row["decision_id"],
        partner_id=row["partner_id"],
        unit_id=row["unit_id"],
        needs=_NEEDS.validate_python(row["needs"]),
        issued_at=row["issued_at"],
        ended_at=row["ended_at"],
        ended_because=row["ended_because"],
        refusal_reason=row["refusal_reason"],
        refusal_sealed=row["refusal_sealed"],
    )


def _held_decision(row: Row) -> HeldDecision:
    return HeldDecision(
        reroute_id=row["reroute_id"],
        referral_id=row["referral_id"],
        partners=tuple(row["partners"]),
        asked_by=row["asked_by"],
        asked_at=row["asked_at"],
        due_at=row["due_at"],
        trace=row["trace"],
        body_id=row["body_id"],
        state=row["state"],
        settled_at=row["settled_at"],
    )
