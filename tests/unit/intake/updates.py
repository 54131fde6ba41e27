"""Updates of one imagined case, as the router and partner_adapters would say them."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from shared.contracts.events import (
    CaseRoutedV1,
    CaseSentToTriageV1,
    DecidedNeed,
    DecidedReferral,
    OutsideBody,
    ReferralDeliveredV1,
    ReferralDeliveryParkedV1,
    ReferralDeliveryResumedV1,
    ReferralMessageReceivedV1,
    ReferralOverdueV1,
    ReferralReferenceGivenV1,
    ReferralStatusChangedV1,
    derive_id,
)
from shared.contracts.referral_status import ReferralStatus, RefusalReason

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CASE = UUID("6f1d4a44-0000-4000-8000-000000000001")
PENSIONS = OutsideBody(body_id="cnav", name="Assurance retraite", how_to_reach="3960")


def referral_of(partner_id: str, *, decision: int = 1, case_id: UUID = CASE) -> UUID:
    return derive_id(case_id, decision, partner_id)


def routed(
    *partners: str,
    number: int = 1,
    recalled: tuple[UUID, ...] = (),
    case_id: UUID = CASE,
    **changes: Any,
) -> CaseRoutedV1:
    needs = tuple(
        DecidedNeed(
            need_id=derive_id(case_id, number, partner),
            demarche_id=f"{partner}.demarche",
            title=f"Démarche {partner}",
            partner_id=partner,
            probability=0.9,
            spans=((0, 3),),
            reason="word",
        )
        for partner in partners
    )
    return CaseRoutedV1(
        **{
            "case_id": case_id,
            "decision_id": derive_id(case_id, number),
            "decision_number": number,
            "decided_at": NOON + timedelta(minutes=number),
            "decided_by": "router",
            "model_version": "m1",
            "reason": "sure",
            "urgent": False,
            "needs": needs,
            "bodies": () if partners else (PENSIONS,),
            "decision": "route" if partners else "out_of_scope",
            "referrals": tuple(
                DecidedReferral(
                    referral_id=referral_of(need.partner_id, decision=number, case_id=case_id),
                    partner_id=need.partner_id,
                    need_ids=(need.need_id,),
                )
                for need in needs
                if need.partner_id
            ),
            "recalled": recalled,
            **changes,
        }
    )


def sent_to_triage(*, number: int = 1, case_id: UUID = CASE) -> CaseSentToTriageV1:
    return CaseSentToTriageV1(
        case_id=case_id,
        decision_id=derive_id(case_id, number),
        decision_number=number,
        decided_at=NOON + timedelta(minutes=number),
        decided_by="router",
        model_version="m1",
        reason="unsure",
        urgent=False,
        needs=(),
    )


def _about(partner_id: str, number: int, decision: int, case_id: UUID) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "referral_id": referral_of(partner_id, decision=decision, case_id=case_id),
        "partner_id": partner_id,
        "number": number,
        "at": NOON + timedelta(hours=number),
    }


def delivered(
    partner_id: str, *, number: int = 1, decision: int = 1, case_id: UUID = CASE
) -> ReferralDeliveredV1:
    return ReferralDeliveredV1(
        **_about(partner_id, number, decision, case_id), attempt=1, partner_reference=f"R{number}"
    )


def reference(
    partner_id: str, given: str, *, number: int, decision: int = 1, case_id: UUID = CASE
) -> ReferralReferenceGivenV1:
    return ReferralReferenceGivenV1(
        **_about(partner_id, number, decision, case_id), partner_reference=given
    )


def parked(
    partner_id: str, *, number: int, decision: int = 1, case_id: UUID = CASE
) -> ReferralDeliveryParkedV1:
    return ReferralDeliveryParkedV1(
        **_about(partner_id, number, decision, case_id),
        attempt=3,
        reason="refused_as_it_stands",
        owner="operations",
    )


def resumed(
    partner_id: str,
    *,
    number: int,
    what: Literal["referral", "answer"] = "referral",
    decision: int = 1,
    case_id: UUID = CASE,
) -> ReferralDeliveryResumedV1:
    return ReferralDeliveryResumedV1(
        **_about(partner_id, number, decision, case_id),
        attempt=3,
        what=what,
        resumed_by="exploitation",
    )


def overdue(
    partner_id: str, *, number: int, decision: int = 1, case_id: UUID = CASE
) -> ReferralOverdueV1:
    return ReferralOverdueV1(**_about(partner_id, number, decision, case_id), deadline=NOON)


def status(
    partner_id: str,
    now: ReferralStatus,
    *,
    number: int,
    decision: int = 1,
    reason: RefusalReason | None = None,
    case_id: UUID = CASE,
    sealed: str | None = None,
) -> ReferralStatusChangedV1:
    return ReferralStatusChangedV1(
        **_about(partner_id, number, decision, case_id),
        status=now,
        refusal_reason=reason,
        received_at=NOON + timedelta(hours=number, seconds=1),
        sealed=sealed,
    )


def message(
    partner_id: str,
    *,
    number: int,
    decision: int = 1,
    needs_person: bool = True,
    case_id: UUID = CASE,
    sealed: str = "v1.k1.x",
) -> ReferralMessageReceivedV1:
    return ReferralMessageReceivedV1(
        **_about(partner_id, number, decision, case_id),
        received_at=NOON + timedelta(hours=number, seconds=1),
        needs_person=needs_person,
        sealed=sealed,
    )
