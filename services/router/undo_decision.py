"""A person takes a decision back in time, their triage or their re-route: nothing is issued."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from services.router.case_file import HeldDecision
from services.router.decision_store import lock_cases, save_cases
from services.router.triage_store import Holding, mark_held
from shared.plumbing.access import Principal
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database
from shared.plumbing.observability import log
from shared.plumbing.problem_details import Problem

Which = Callable[[Iterable[HeldDecision]], HeldDecision | None]
"""Chooses the decision to undo among those of its case."""


async def undo_decision(
    case_id: UUID,
    which: Which,
    principal: Principal,
    *,
    database: Database,
    clock: Clock,
    hold: timedelta,
) -> None:
    """Cancel a decision that waits; doing it twice does no harm.

    A case that waits for the triage again is held for `principal`, for `hold`, if it is theirs to
    decide. Raises `Problem`
    404 for a case of another site or without that decision, 409 when it is carried out already
    or somebody else decided (but for a supervisor).
    """
    now = clock.now()
    async with database.transaction() as tx:
        before = await lock_cases(tx, [case_id])
        case = before[case_id]
        held = which(case.held)
        if held is None or case.request is None:
            raise Problem(404)
        if principal.site_id not in {None, case.request.site_id}:
            raise Problem(404)
        if held.state == "cancelled":
            return
        if held.state == "issued" or held.due_at <= now:
            raise Problem(409, "Il est trop tard : la décision est partie.", code="too-late")
        if held.asked_by != principal.account and not principal.has_role("supervisor"):
            raise Problem(
                409, "Une autre personne a pris cette décision.", code="decided-by-somebody-else"
            )
        undone = replace(held, state="cancelled", settled_at=now)
        after = replace(case, held=tuple(undone if h is held else h for h in case.held))
        await save_cases(tx, before=before, after={case_id: after}, decisions=())
        if held.settles_triage and principal.has_role("triage", "supervisor"):
            holding = Holding(account=principal.account, until=now + hold)
            await mark_held(tx, case_id=case_id, holding=holding)
    log.info("decision_undone", case_id=str(case_id), reroute_id=str(held.reroute_id))


def latest_triage(decisions: Iterable[HeldDecision]) -> HeldDecision | None:
    """The last word on the triage."""
    settling = (held for held in decisions if held.settles_triage)
    return max(settling, key=lambda held: (held.asked_at, held.due_at), default=None)


def with_id(decision_id: UUID) -> Which:
    """The decision of that id."""
    return lambda decisions: next((d for d in decisions if d.reroute_id == decision_id), None)
