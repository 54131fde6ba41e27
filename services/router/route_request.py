"""A request arrives: its reading becomes a decision, and the decision its referrals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.router.case_file import CaseFile, Decision, Request, Step
from services.router.catalogue.entries import Catalogue
from services.router.read_request import Reading
from services.router.routing_rules import (
    OUT_OF_SCOPE,
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
    OutsideBody,
    RequestSubmittedV1,
    derive_id,
)
from shared.plumbing.observability import log

NOT_A_PARTNER = "unknown"
"""Stands for whatever a client named that is no partner: what it wrote is not ours to repeat."""


@dataclass(frozen=True, slots=True)
class Partners:
    """Who there is (`listed`, by the catalogue) and who takes referrals now (`served`)."""

    listed: frozenset[str]
    served: frozenset[str]


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
        choices=_choices(submitted.choices, listed=partners.listed),
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
    return take_decision(case, decision, request=_request(submitted), issued=issued, trace=trace)


def title_of(demarche_id: str, *, catalogue: Catalogue) -> str:
    """What a person reads for a démarche; a partner without entries has only "other"."""
    demarche = catalogue.demarches.get(demarche_id)
    return demarche.title if demarche is not None else "Autre demande"


def outside_bodies(plan: Plan, *, catalogue: Catalogue) -> tuple[OutsideBody, ...]:
    """The competent bodies outside the house, and how to reach them."""
    bodies = (catalogue.bodies[named.id] for named in plan.bodies)
    return tuple(
        OutsideBody(body_id=body.id, name=body.name, how_to_reach=body.how_to_reach)
        for body in bodies
    )


def _choices(choices: AgencyChoices, *, listed: frozenset[str]) -> HumanChoices:
    def named(partner_ids: tuple[str, ...]) -> tuple[str, ...]:
        known = listed | {OUT_OF_SCOPE}
        return tuple(p if p in known else NOT_A_PARTNER for p in partner_ids)

    return HumanChoices(
        confirmed=named(choices.confirmed),
        added=named(choices.added),
        removed=named(choices.removed),
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
