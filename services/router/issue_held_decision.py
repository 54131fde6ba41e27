"""A person's decision has waited long enough: recall, issue and announce it."""

from dataclasses import replace
from datetime import datetime

from services.router.case_file import CaseFile, Decision, HeldDecision, Step
from services.router.catalogue.entries import Catalogue
from services.router.catalogue_words import outside_body, title_of
from services.router.learning.lessons import lesson_of_decision
from services.router.partners import Partners
from services.router.routing_rules import OUT_OF_SCOPE, unit_of
from services.router.take_decision import decision_id_of, new_referral, take_decision
from shared.contracts.events import DecidedNeed, OutsideBody, Span, derive_id


def issue_held_decision(
    case: CaseFile,
    held: HeldDecision,
    *,
    postcode: str | None,
    catalogue: Catalogue,
    partners: Partners,
    now: datetime,
) -> Step:
    """Carry out what a person decided; a partner nobody serves sends it back to triage.

    The chosen partners get the needs concerned that are theirs, or else "another request"
    with the words of those needs. No partner, or only out of scope, closes the routing.
    """
    case = replace(
        case,
        held=tuple(
            replace(h, state="issued", settled_at=now) if h.reroute_id == held.reroute_id else h
            for h in case.held
        ),
    )
    before = case.decision
    if case.request is None or before is None:
        return Step(case)
    chosen = tuple(dict.fromkeys(p for p in held.partners if p != OUT_OF_SCOPE))
    recalled = [r for r in case.live_referrals if r.referral_id == held.referral_id]
    staying = [r for r in case.live_referrals if r.referral_id != held.referral_id]
    concerned = _needs_concerned(case, before, held)
    still_waiting = _needs_not_concerned(case, concerned)
    if not set(chosen) <= partners.served:
        undecided = replace(
            _decision(case, before, held, now=now),
            outcome="triage",
            reason=_not_served(chosen, partners),
            needs=(*still_waiting, *concerned),
        )
        return take_decision(case, undecided, request=case.request, trace=held.trace)
    decided = {
        partner: _needs_for(partner, concerned, case=case, catalogue=catalogue)
        for partner in chosen
    }
    decision = replace(
        _decision(case, before, held, now=now),
        outcome="route" if chosen or staying else "out_of_scope",
        needs=(
            *(need for referral in staying for need in referral.needs),
            *(need for needs in decided.values() for need in needs),
        ),
        bodies=_bodies(before, held, catalogue=catalogue),
    )
    issued = [
        new_referral(
            case,
            decision,
            partner_id=partner,
            unit_id=unit_of(partner, postcode),
            needs=needs,
        )
        for partner, needs in decided.items()
        if needs
    ]
    step = take_decision(
        case,
        decision,
        request=case.request,
        issued=issued,
        recalled=recalled,
        trace=held.trace,
    )
    lesson = lesson_of_decision(
        step.case,
        decision,
        source="triage" if held.settles_triage else "reroute",
        wrong=[
            *(referral.partner_id for referral in recalled),
            *(need.partner_id for need in concerned if need.partner_id is not None),
        ],
        model_version=before.model_version,
    )
    step = replace(step, lessons=(lesson,))
    if not still_waiting:
        return step
    return _go_on_waiting(step, before, needs=still_waiting, held=held, now=now)


def _go_on_waiting(
    step: Step,
    before: Decision,
    *,
    needs: tuple[DecidedNeed, ...],
    held: HeldDecision,
    now: datetime,
) -> Step:
    """A re-route of one referral settles nothing else: what waited for a person still does."""
    assert step.case.request is not None  # noqa: S101 - nothing was issued without one
    undecided = replace(
        before,
        decision_id=decision_id_of(step.case),
        number=step.case.next_decision_number,
        decided_at=now,
        decided_by="router",
        needs=needs,
    )
    more = take_decision(step.case, undecided, request=step.case.request, trace=held.trace)
    return Step(
        case=more.case,
        decisions=(*step.decisions, *more.decisions),
        events=(*step.events, *more.events),
        lessons=step.lessons,
    )


def _bodies(
    before: Decision, held: HeldDecision, *, catalogue: Catalogue
) -> tuple[OutsideBody, ...]:
    """The body the person named, else those found in the text."""
    named = catalogue.bodies.get(held.body_id) if held.body_id else None
    return (outside_body(named),) if named is not None else before.bodies


def _needs_concerned(
    case: CaseFile, before: Decision, held: HeldDecision
) -> tuple[DecidedNeed, ...]:
    """Those of the referral to replace, else those of the decision nobody carries yet."""
    if held.referral_id is not None:
        return case.referral(held.referral_id).needs
    carried = {need.need_id for referral in case.live_referrals for need in referral.needs}
    return tuple(need for need in before.needs if need.need_id not in carried)


def _needs_not_concerned(
    case: CaseFile, concerned: tuple[DecidedNeed, ...]
) -> tuple[DecidedNeed, ...]:
    """What waits for a person and is not what this decision is about."""
    settled = {need.need_id for need in concerned}
    return tuple(need for need in case.undecided_needs if need.need_id not in settled)


def _needs_for(
    partner_id: str, concerned: tuple[DecidedNeed, ...], *, case: CaseFile, catalogue: Catalogue
) -> tuple[DecidedNeed, ...]:
    """What one chosen partner is asked; nothing when it already has all there is."""
    number = case.next_decision_number
    already_there = any(r.partner_id == partner_id for r in case.live_referrals)
    if not concerned and already_there:
        return ()
    theirs = [need for need in concerned if need.partner_id == partner_id]
    if theirs:
        return tuple(
            need.model_copy(
                update={"need_id": derive_id(case.case_id, number, need.demarche_id, index)}
            )
            for index, need in enumerate(theirs)
        )
    demarche_id = f"{partner_id}.autre"
    return (
        DecidedNeed(
            need_id=derive_id(case.case_id, number, demarche_id, 0),
            demarche_id=demarche_id,
            title=title_of(demarche_id, catalogue=catalogue),
            partner_id=partner_id,
            probability=1.0,
            spans=_spans(concerned),
            reason="chosen_by_person",
        ),
    )


def _spans(needs: tuple[DecidedNeed, ...]) -> tuple[Span, ...]:
    return tuple(sorted({span for need in needs for span in need.spans}))


def _not_served(chosen: tuple[str, ...], partners: Partners) -> str:
    unserved = sorted({partners.as_listed(p) for p in chosen if p not in partners.served})
    return "partner_not_served:" + ",".join(unserved)


def _decision(case: CaseFile, before: Decision, held: HeldDecision, *, now: datetime) -> Decision:
    """A person's decision: what was read stays read, who acts is theirs."""
    return replace(
        before,
        decision_id=decision_id_of(case),
        number=case.next_decision_number,
        outcome="route",
        decided_at=now,
        decided_by=held.asked_by,
        reason="decided_by_person",
        suggestions=(),
    )
