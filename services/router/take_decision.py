"""PURE: a decision taken on a case becomes its new file and the events that announce it.

The only place that makes `case.routed`, `case.sent_to_triage`, `referral.issued` and
`referral.recalled`; ids are derived, so that saying it again says the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.router.case_file import CaseFile, Decision, Referral, Request, Step
from shared.contracts.events import (
    CaseRoutedV1,
    CaseSentToTriageV1,
    DecidedNeed,
    DecidedReferral,
    ReferralIssuedV1,
    ReferralRecalledV1,
    derive_id,
)
from shared.contracts.topics import CASE_UPDATES, referrals_topic
from shared.plumbing.outbox import OutgoingEvent


def decision_id_of(case: CaseFile) -> UUID:
    """The id of the next decision on a case."""
    return derive_id("decision", case.case_id, case.next_decision_number)


def new_referral(
    case: CaseFile,
    decision: Decision,
    *,
    partner_id: str,
    unit_id: str | None,
    needs: tuple[DecidedNeed, ...],
) -> Referral:
    """One partner's share of a decision about to be taken."""
    return Referral(
        referral_id=derive_id(case.case_id, decision.decision_id, partner_id),
        decision_id=decision.decision_id,
        partner_id=partner_id,
        unit_id=unit_id,
        needs=needs,
        issued_at=decision.decided_at,
    )


def take_decision(
    case: CaseFile,
    decision: Decision,
    *,
    request: Request,
    issued: Sequence[Referral] = (),
    recalled: Sequence[Referral] = (),
    returned: Referral | None = None,
    trace: Mapping[str, str],
) -> Step:
    """Put `decision` in force: recall, issue, announce, in that order."""
    now = decision.decided_at
    events = [
        *(recall(case, referral, at=now, because="rerouted", trace=trace) for referral in recalled),
        *(_issue(case, decision, referral, request=request, trace=trace) for referral in issued),
        _announce(
            decision,
            issued=issued,
            recalled=recalled,
            returned_id=returned.referral_id if returned else None,
            trace=trace,
        ),
    ]
    ended = {referral.referral_id for referral in recalled}
    referrals = tuple(
        replace(r, ended_at=now, ended_because="rerouted") if r.referral_id in ended else r
        for r in case.referrals
    )
    following = replace(case, request=request, decision=decision, referrals=(*referrals, *issued))
    return Step(case=following, decisions=(decision,), events=tuple(events))


def recall(
    case: CaseFile,
    referral: Referral,
    *,
    at: datetime,
    because: Literal["withdrawn", "rerouted"],
    trace: Mapping[str, str],
) -> OutgoingEvent:
    """Tell a partner's adapter that a referral must not go on."""
    return OutgoingEvent(
        topic=referrals_topic(referral.partner_id).name,
        event_id=derive_id(ReferralRecalledV1.TYPE, referral.referral_id),
        data=ReferralRecalledV1(
            case_id=case.case_id,
            referral_id=referral.referral_id,
            partner_id=referral.partner_id,
            recalled_at=at,
            because=because,
        ),
        trace=trace,
    )


def _issue(
    case: CaseFile,
    decision: Decision,
    referral: Referral,
    *,
    request: Request,
    trace: Mapping[str, str],
) -> OutgoingEvent:
    return OutgoingEvent(
        topic=referrals_topic(referral.partner_id).name,
        event_id=derive_id(ReferralIssuedV1.TYPE, referral.referral_id),
        data=ReferralIssuedV1(
            case_id=case.case_id,
            referral_id=referral.referral_id,
            partner_id=referral.partner_id,
            unit_id=referral.unit_id,
            reference=request.reference,
            channel=request.channel,
            site_id=request.site_id,
            language=request.language,
            urgent=decision.urgent,
            taken_at=request.taken_at,
            issued_at=referral.issued_at,
            needs=referral.needs,
            sealed=request.sealed,
        ),
        trace=trace,
    )


def _announce(
    decision: Decision,
    *,
    issued: Sequence[Referral],
    recalled: Sequence[Referral],
    returned_id: UUID | None,
    trace: Mapping[str, str],
) -> OutgoingEvent:
    said = {
        "case_id": decision.case_id,
        "decision_id": decision.decision_id,
        "decision_number": decision.number,
        "decided_at": decision.decided_at,
        "decided_by": decision.decided_by,
        "model_version": decision.model_version,
        "reason": decision.reason,
        "urgent": decision.urgent,
        "danger": decision.danger,
        "needs": decision.needs,
        "bodies": decision.bodies,
    }
    data: CaseRoutedV1 | CaseSentToTriageV1
    if decision.outcome == "triage":
        data = CaseSentToTriageV1.model_validate({**said, "returned_referral_id": returned_id})
    else:
        data = CaseRoutedV1.model_validate(
            {
                **said,
                "decision": decision.outcome,
                "referrals": tuple(_decided(referral) for referral in issued),
                "recalled": tuple(referral.referral_id for referral in recalled),
                "suggestions": decision.suggestions,
            }
        )
    return OutgoingEvent(
        topic=CASE_UPDATES.name,
        event_id=derive_id(data.TYPE, decision.decision_id),
        data=data,
        trace=trace,
    )


def _decided(referral: Referral) -> DecidedReferral:
    return DecidedReferral(
        referral_id=referral.referral_id,
        partner_id=referral.partner_id,
        unit_id=referral.unit_id,
        need_ids=tuple(need.need_id for need in referral.needs),
    )
