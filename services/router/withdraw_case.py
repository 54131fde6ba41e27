"""The visitor no longer wants any of it: recall what is live, cancel what waits."""

from collections.abc import Mapping
from dataclasses import replace

from services.router.case_file import CaseFile, Step
from services.router.take_decision import recall
from shared.contracts.events import RequestWithdrawnV1


def withdraw_case(
    case: CaseFile, withdrawal: RequestWithdrawnV1, *, trace: Mapping[str, str]
) -> Step:
    """Mark the case withdrawn; one that was never routed then never will be."""
    if case.withdrawn_at is not None:
        return Step(case)
    at = withdrawal.withdrawn_at
    return Step(
        case=replace(
            case,
            withdrawn_at=at,
            referrals=tuple(
                replace(r, ended_at=at, ended_because="withdrawn") if r.live else r
                for r in case.referrals
            ),
            held=tuple(
                replace(h, state="cancelled", settled_at=at) if h.state == "waiting" else h
                for h in case.held
            ),
        ),
        events=tuple(
            recall(case, referral, at=at, because="withdrawn", trace=trace)
            for referral in case.live_referrals
        ),
    )
