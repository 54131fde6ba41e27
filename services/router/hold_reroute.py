"""A person decided where a case must go: hold it a moment, so that it can be undone."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from services.router.case_file import CaseFile, HeldDecision, Step
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
    """Hold the decision until `now + undo`; raises `UnknownCase` and `UnknownReferral`.

    The last word on the same referral (or on the triage) replaces one that still waits.
    """
    if case.withdrawn_at is not None:
        log.warning("reroute_of_withdrawn_case_ignored", case_id=str(case.case_id))
        return Step(case)
    if case.request is None:
        raise UnknownCase(f"case {case.case_id} was never submitted")
    if asked.referral_id is not None:
        case.referral(asked.referral_id)
    held = HeldDecision(
        reroute_id=asked.reroute_id,
        referral_id=asked.referral_id,
        partners=asked.partners,
        asked_by=asked.asked_by,
        asked_at=asked.asked_at,
        due_at=now + undo,
        trace=dict(trace),
    )
    earlier = tuple(
        replace(h, state="cancelled", settled_at=now)
        if h.state == "waiting" and h.referral_id == held.referral_id
        else h
        for h in case.held
        if h.reroute_id != held.reroute_id
    )
    return Step(replace(case, held=(*earlier, held)))
