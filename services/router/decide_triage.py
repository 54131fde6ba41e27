"""A person of the triage decides who acts on a case; it is held, so that it can be undone."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from services.router import SCHEMA
from services.router.case_file import CaseFile, HeldDecision
from services.router.catalogue.entries import Catalogue
from services.router.decision_store import lock_cases, save_cases
from services.router.hold_decision import hold_decision
from services.router.partner_store import get_partners
from services.router.partners import Partners
from services.router.routing_rules import OUT_OF_SCOPE
from services.router.triage_answers import DecisionForm, DecisionHeld
from services.router.triage_store import Holding, find_holding
from shared.contracts.events import derive_id
from shared.plumbing.access import Principal
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.idempotency import KeyedCall, answer_once
from shared.plumbing.observability import log
from shared.plumbing.problem_details import FieldError, Problem
from shared.plumbing.tracing import current_trace


async def decide_triage(
    case_id: UUID,
    form: DecisionForm,
    call: KeyedCall,
    *,
    decider: Principal,
    database: Database,
    catalogue: Catalogue,
    clock: Clock,
    undo: timedelta,
) -> str:
    """Hold the decision for `undo`, once per key; gives a `DecisionHeld` as JSON.

    Raises `Problem` 404 for a case of another site, 409 when it waits for nobody (any more) or
    somebody else holds it, 422 for a partner or body that cannot be chosen.
    """

    async def hold(tx: Transaction) -> str:
        now = clock.now()
        before = await lock_cases(tx, [case_id])
        case = before[case_id]
        _refuse_unless_open(case, principal=decider)
        _refuse_if_held_by_another(await find_holding(tx, case_id=case_id, now=now), decider)
        partners = await get_partners(tx, listed=frozenset(catalogue.partners))
        if wrong := _wrong_choices(form, case, partners=partners, catalogue=catalogue):
            raise Problem(422, errors=wrong)
        held = HeldDecision(
            reroute_id=derive_id("triage_decision", case_id, decider.account, call.key),
            referral_id=None,
            partners=form.partners,
            asked_by=decider.account,
            asked_at=now,
            due_at=now + undo,
            trace=current_trace(),
            body_id=form.body,
        )
        step = hold_decision(case, held, now=now)
        await save_cases(tx, before=before, after={case_id: step.case}, decisions=())
        log.info("triage_decided", case_id=str(case_id), reroute_id=str(held.reroute_id))
        return DecisionHeld(
            case_id=case_id,
            decision_id=held.reroute_id,
            partners=held.partners,
            body=held.body_id,
            undo_until=held.due_at,
        ).model_dump_json()

    return await answer_once(call, hold, schema=SCHEMA, database=database, clock=clock)


def _refuse_if_held_by_another(holding: Holding | None, decider: Principal) -> None:
    if holding is not None and holding.account != decider.account:
        raise Problem(409, "Une autre personne traite cette demande.", code="held-by-somebody-else")


def _refuse_unless_open(case: CaseFile, *, principal: Principal) -> None:
    if case.request is None or principal.site_id not in {None, case.request.site_id}:
        raise Problem(404)
    item = case.triage
    if item is None:
        raise Problem(409, "Cette demande n’attend plus de décision.", code="nothing-to-decide")
    if item.settling:
        raise Problem(409, "Une décision vient d’être prise.", code="already-decided")


def _wrong_choices(
    form: DecisionForm, case: CaseFile, *, partners: Partners, catalogue: Catalogue
) -> Sequence[FieldError]:
    wrong = [
        FieldError(f"partners.{index}", message)
        for index, partner in enumerate(form.partners)
        if (message := _why_not(partner, case, partners=partners)) is not None
    ]
    if form.body is not None and form.body not in catalogue.bodies:
        wrong.append(FieldError("body", "Ce service n’est pas dans notre liste."))
    return wrong


def _why_not(partner: str, case: CaseFile, *, partners: Partners) -> str | None:
    if partner == OUT_OF_SCOPE:
        return None
    if partner not in partners.listed:
        return "Cet organisme n’est pas l’un des nôtres."
    if partner not in partners.served:
        return "Cet organisme ne prend pas de demande en ce moment."
    if partner in case.excluded:
        return "Cet organisme a déjà répondu que ce n’est pas pour lui."
    return None
