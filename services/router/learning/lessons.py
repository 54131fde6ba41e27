"""PURE: what a person's decision, or an agency's refusal, teaches about a text."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from services.router.case_file import CaseFile, Decision, Lesson, Referral
from services.router.routing_rules import OUT_OF_SCOPE
from shared.contracts.events import derive_id


def lesson_of_decision(
    case: CaseFile,
    decision: Decision,
    *,
    source: Literal["preview", "triage", "reroute"],
    wrong: Sequence[str] = (),
    model_version: str,
) -> Lesson:
    """What a person decided is right for the whole text: who has a live share of `case` after it.

    `wrong`: partners the person took off.
    """
    right = tuple(sorted({referral.partner_id for referral in case.live_referrals}))
    return Lesson(
        lesson_id=derive_id("lesson", source, decision.decision_id),
        case_id=case.case_id,
        source=source,
        agencies=right or (OUT_OF_SCOPE,),
        not_agencies=tuple(sorted(set(wrong) - set(right))),
        reason=decision.reason,
        at=decision.decided_at,
        model_version=model_version,
    )


def lesson_of_refusal(case: CaseFile, referral: Referral, *, reason: str, at: datetime) -> Lesson:
    """The agency says it was not for it; who it was for is not known yet."""
    return Lesson(
        lesson_id=derive_id("lesson", "refusal", referral.referral_id),
        case_id=case.case_id,
        source="refusal",
        agencies=(),
        not_agencies=(referral.partner_id,),
        reason=reason,
        at=at,
        model_version=case.decision.model_version if case.decision else "",
    )
