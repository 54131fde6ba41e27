"""An agent re-routes a case, or one of its referrals: their decision is held a moment."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from services.router.case_file import CaseFile, HeldDecision, Step
from services.router.hold_decision import hold_decision
from shared.contracts.events import RequestRerouteAskedV1
from shared.plumbing.observability import log


class UnknownCase(Exception):
    """A decision on a case whose request was never heard; a person must look. Ids only."""


def hold_reroute(
    case: CaseFile,
    asked: RequestRerouteAskedV1,
    *,
    undo: timedelta,
    now: datetime,
    trace: Mapping[str, str],
) -> Step:
    """Hold the decision until `now + undo`; raises `UnknownCase` and `UnknownReferral`."""
    if case.withdrawn_at is not None:
        log.warning("reroute_of_withdrawn_case_ignored", case_id=str(case.case_id))
        return Step(case)
    if case.request is None:
        raise UnknownCase(f"case {case.case_id} was never submitted")
    held = HeldDecision(
        reroute_id=asked.reroute_id,
        referral_id=asked.referral_id,
        partners=asked.partners,
        asked_by=asked.asked_by,
        asked_at=asked.asked_at,
        due_at=now + undo,
        trace=dict(trace),
    )
    return hold_decision(case, held, now=now)
