"""A request arrives: its reading becomes a decision, and the decision its referrals."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.router.case_file import CaseFile, Decision, Request, Step
from services.router.catalogue.entries import Catalogue
from services.router.catalogue_words import outside_bodies, title_of
from services.router.learning.lessons import lesson_of_decision
from services.router.partners import Partners
from services.router.read_request import Reading
from services.router.routing_rules import (
    Consent,
    HumanChoices,
    Plan,
    PlannedNeed,
    plan_referrals,
)
from services.router.take_decision import decision_id_of, new_referral, take_decision
from shared.contracts.events import (
    AgencyChoices,
    DecidedNeed,
    RequestSubmittedV1,
    derive_id,
)
from shared.plumbing.observability import log


def route_request(
    case: CaseFile,
    submitted: RequestSubmittedV1,
    reading: Reading,
    *,
    catalogue: Catalogue,
    partners: Partners,
    now: datetime,
    trace: Mapping[str, str],
) -> Step:
    """Decide on a request once; one withdrawn before it came here is never routed."""
    if case.withdrawn_at is not None:
        log.info("withdrawn_request_not_routed", case_id=str(case.case_id))
        return Step(case)
    if case.request is not None:
        log.warning("request_already_routed", case_id=str(case.case_id))
        return Step(case)
    plan = plan_referrals(
        reading.classification,
        consent=Consent(submitted.consent.scope),
        choices=_choices(submitted.choices, partners=partners),
        postcode=reading.postcode,
        known_partners=partners.served,
        excluded=case.excluded,
    )
    decision = _decision(case, plan, reading, catalogue=catalogue, now=now)
    issued = [
        new_referral(
            case,
            decision,
            partner_id=referral.partner_id,
            unit_id=referral.unit_id,
            needs=tuple(decision.needs[index] for index in referral.need_indexes),
        )
        for referral in plan.referrals
    ]
    step = take_decision(case, decision, request=_request(submitted), issued=issued, trace=trace)
    corrected = submitted.choices.added or submitted.choices.removed
    if decision.outcome != "route" or not corrected:
        return step
    lesson = lesson_of_decision(
        step.case,
        decision,
        source="preview",
        wrong=[partners.as_listed(partner) for partner in submitted.choices.removed],
        model_version=decision.model_version,
    )
    return replace(step, lessons=(lesson,))


def _choices(choices: AgencyChoices, *, partners: Partners) -> HumanChoices:
    return HumanChoices(
        confirmed=tuple(map(partners.as_listed, choices.confirmed)),
        added=tuple(map(partners.as_listed, choices.added)),
        removed=tuple(map(partners.as_listed, choices.removed)),
    )


def _decision(
    case: CaseFile, plan: Plan, reading: Reading, *, catalogue: Catalogue, now: datetime
) -> Decision:
    number = case.next_decision_number
    return Decision(
        decision_id=decision_id_of(case),
        case_id=case.case_id,
        number=number,
        outcome=plan.decision,
        decided_at=now,
        decided_by="router",
        model_version=reading.classification.model_version,
        reason=plan.reason,
        urgent=plan.urgent,
        danger=plan.danger,
        needs=tuple(
            _need(need, case_id=case.case_id, decision_number=number, catalogue=catalogue)
            for need in plan.needs
        ),
        bodies=outside_bodies(plan, catalogue=catalogue),
        suggestions=tuple(dict.fromkeys(s.partner_id for s in plan.suggestions)),
    )


def _need(
    need: PlannedNeed, *, case_id: UUID, decision_number: int, catalogue: Catalogue
) -> DecidedNeed:
    return DecidedNeed(
        need_id=derive_id(case_id, decision_number, need.demarche_id, need.index),
        demarche_id=need.demarche_id,
        title=title_of(need.demarche_id, catalogue=catalogue),
        partner_id=need.partner_id,
        probability=need.probability,
        spans=need.spans,
        reason=need.reason,
    )


def _request(submitted: RequestSubmittedV1) -> Request:
    return Request(
        reference=submitted.reference,
        channel=submitted.channel,
        site_id=submitted.site_id,
        language=submitted.language,
        taken_at=submitted.taken_at,
        consent=submitted.consent,
        choices=submitted.choices,
        sealed=submitted.sealed,
    )
