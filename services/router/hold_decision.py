"""A person decided where a case must go: hold it a moment, so that it can be undone.

The one way in for every person's decision, an agent's re-route and a triage alike.
"""

from dataclasses import replace
from datetime import datetime

from services.router.case_file import CaseFile, HeldDecision, Step


def hold_decision(case: CaseFile, held: HeldDecision, *, now: datetime) -> Step:
    """Let it wait until `held.due_at`; raises `UnknownReferral`.

    The last word on the same referral (or on the triage) replaces one that still waits.
    """
    if held.referral_id is not None:
        case.referral(held.referral_id)
    earlier = tuple(
        replace(h, state="cancelled", settled_at=now)
        if h.state == "waiting" and h.referral_id == held.referral_id
        else h
        for h in case.held
        if h.reroute_id != held.reroute_id
    )
    return Step(replace(case, held=(*earlier, held)))
