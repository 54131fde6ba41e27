"""A person takes their decision back in time: the case waits again, and for them first."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from services.router.case_file import CaseFile, HeldDecision
from services.router.decision_store import lock_cases, save_cases
from services.router.triage_store import Holding, mark_held
from shared.plumbing.access import Principal
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database
from shared.plumbing.observability import log
from shared.plumbing.problem_details import Problem


async def undo_triage_decision(
    case_id: UUID, principal: Principal, *, database: Database, clock: Clock, hold: timedelta
) -> None:
    """Cancel the decision that waits; doing it twice does no harm.

    Raises `Problem` 404 for a case of another site or without a decision, 409 when it is carried
    out already or somebody else decided (but for a supervisor).
    """
    now = clock.now()
    async with database.transaction() as tx:
        before = await lock_cases(tx, [case_id])
        case = before[case_id]
        if case.request is None or principal.site_id not in {None, case.request.site_id}:
            raise Problem(404)
        held = _latest_decision(case)
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
        holding = Holding(account=principal.account, until=now + hold)
        await mark_held(tx, case_id=case_id, holding=holding)
    log.info("triage_undone", case_id=str(case_id), reroute_id=str(held.reroute_id))


def _latest_decision(case: CaseFile) -> HeldDecision:
    decisions = [held for held in case.held if held.settles_triage]
    if not decisions:
        raise Problem(404)
    return max(decisions, key=lambda held: (held.asked_at, held.due_at))
