"""An agency says it is not the one: the need goes back to a person, and never there again."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from services.router.case_file import CaseFile, Decision, Step
from services.router.learning.lessons import lesson_of_refusal
from services.router.take_decision import decision_id_of, take_decision
from shared.contracts.events import ReferralStatusChangedV1
from shared.contracts.referral_status import SENT_BACK_TO_TRIAGE, ReferralStatus
from shared.plumbing.observability import log


def return_refused_referral(
    case: CaseFile, said: ReferralStatusChangedV1, *, now: datetime, trace: Mapping[str, str]
) -> Step:
    """Send the referral's needs to triage when the agency is not competent or outside its area.

    Every other status is the agency's business. Raises `UnknownReferral`.
    """
    reason = said.refusal_reason
    refused = said.status is ReferralStatus.REFUSED
    if not refused or reason is None or reason not in SENT_BACK_TO_TRIAGE:
        return Step(case)
    referral = case.referral(said.referral_id)
    if not referral.live or case.request is None or case.decision is None:
        log.info(
            "late_refusal_ignored",
            case_id=str(case.case_id),
            referral_id=str(referral.referral_id),
            ended_because=referral.ended_because,
        )
        return Step(case)
    # The needs keep their démarche and their words; who acts on them is what must be decided.
    returned = tuple(
        need.model_copy(update={"partner_id": None, "reason": f"returned:{reason.value}"})
        for need in referral.needs
    )
    decision = Decision(
        decision_id=decision_id_of(case),
        case_id=case.case_id,
        number=case.next_decision_number,
        outcome="triage",
        decided_at=now,
        decided_by="router",
        model_version=case.decision.model_version,
        reason=f"returned:{reason.value}",
        urgent=case.decision.urgent,
        danger=case.decision.danger,
        # What waits already goes on waiting.
        needs=(*case.undecided_needs, *returned),
        bodies=case.decision.bodies,
        suggestions=case.decision.suggestions,
    )
    without = replace(
        case,
        excluded=case.excluded | {referral.partner_id},
        # Whoever just decided did not know of this: they are asked again, with all there is.
        held=tuple(
            replace(h, state="cancelled", settled_at=now)
            if h.state == "waiting" and h.settles_triage
            else h
            for h in case.held
        ),
        referrals=tuple(
            replace(
                r,
                ended_at=now,
                ended_because="returned",
                refusal_reason=reason.value,
                refusal_sealed=said.sealed,
            )
            if r.referral_id == referral.referral_id
            else r
            for r in case.referrals
        ),
    )
    step = take_decision(without, decision, request=case.request, returned=referral, trace=trace)
    lesson = lesson_of_refusal(case, referral, reason=reason.value, at=now)
    return replace(step, lessons=(lesson,))
