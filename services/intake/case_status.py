"""The status of a case: a pure function of what is known of it.

| status | it holds when (the first line that is true) |
|---|---|
| `withdrawn` | the visitor withdrew it |
| `in_triage` | a person must decide, or an agency sent its share back and nobody decided since |
| `answer_needed` | some agency waits for information |
| `with_agencies` | some agency has not finished, or a share was taken back to go elsewhere |
| `closed` | some agency has finished, and none has not |
| `received` | nothing was decided yet |
| `out_of_scope` | no partner is competent |
"""

from enum import StrEnum

from services.intake.case_facts import CaseFacts, ReferralFacts
from shared.contracts.referral_status import SENT_BACK_TO_TRIAGE, ReferralStatus, is_final


class CaseStatus(StrEnum):
    RECEIVED = "received"
    IN_TRIAGE = "in_triage"
    OUT_OF_SCOPE = "out_of_scope"
    WITH_AGENCIES = "with_agencies"
    ANSWER_NEEDED = "answer_needed"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


def case_status(facts: CaseFacts) -> CaseStatus:
    """Give the status of a case, the same for the same facts in whatever order they came."""
    if facts.withdrawn:
        return CaseStatus.WITHDRAWN
    referrals = [r for r in facts.referrals.values() if r.referral_id not in facts.recalled]
    returned = [r for r in referrals if _was_sent_back(r)]
    if _needs_decision(facts, returned):
        return CaseStatus.IN_TRIAGE
    open_statuses = {r.status for r in referrals if not is_final(r.status)}
    if open_statuses:
        asked = ReferralStatus.NEEDS_INFORMATION in open_statuses
        return CaseStatus.ANSWER_NEEDED if asked else CaseStatus.WITH_AGENCIES
    if any(r.status is ReferralStatus.WITHDRAWN for r in referrals):
        # Recalled by a decision that is on its way here: it says where the need goes instead.
        return CaseStatus.WITH_AGENCIES
    if len(referrals) > len(returned):
        return CaseStatus.CLOSED
    return _status_without_agency(facts)


def _status_without_agency(facts: CaseFacts) -> CaseStatus:
    if facts.decision is None:
        return CaseStatus.RECEIVED
    nobody_competent = facts.decision.kind == "out_of_scope"
    return CaseStatus.OUT_OF_SCOPE if nobody_competent else CaseStatus.CLOSED


def _was_sent_back(referral: ReferralFacts) -> bool:
    return (
        referral.status is ReferralStatus.REFUSED and referral.refusal_reason in SENT_BACK_TO_TRIAGE
    )


def _needs_decision(facts: CaseFacts, returned: list[ReferralFacts]) -> bool:
    in_force = facts.decision
    if in_force is not None and in_force.kind == "triage":
        return True
    latest = in_force.number if in_force is not None else 0
    return any(r.decision_number is None or r.decision_number >= latest for r in returned)
