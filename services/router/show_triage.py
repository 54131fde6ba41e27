"""What a person sees of a case that waits for them. CPU work, without I/O, fit for a thread."""

from collections import defaultdict

from services.router.case_file import CaseFile, TriageItem
from services.router.catalogue.entries import Catalogue
from services.router.catalogue_words import title_of
from services.router.classification.classify import classify
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.triage_answers import (
    Candidate,
    CandidateNeed,
    ItemShown,
    PartnerNamed,
    Refusal,
)
from services.router.triage_store import Holding
from shared.contracts.events import DecidedNeed
from shared.contracts.personal import RequestContent, WrittenContent
from shared.plumbing.observability import log
from shared.plumbing.sealing import CannotOpen, Content, Sealer


def show_triage(
    case: CaseFile,
    item: TriageItem,
    holding: Holding | None,
    *,
    sealer: Sealer,
    catalogue: Catalogue,
    compiled: CompiledCatalogue,
) -> ItemShown:
    """Open the text, gather who may be the right one and why, and who already said no."""
    assert case.request is not None and case.decision is not None  # noqa: S101 - it waits
    names = {partner.id: partner.name for partner in catalogue.partners.values()}
    content = _open(case.request.sealed, RequestContent, case=case, sealer=sealer)
    needs = _stored_needs(case)
    returned = [need for need in case.decision.needs if need.partner_id is None]
    if returned and content is not None:
        needs |= _read_again(case, content, catalogue=catalogue, compiled=compiled, known=needs)
    return ItemShown(
        case_id=case.case_id,
        reference=case.request.reference,
        site_id=case.request.site_id,
        channel=case.request.channel,
        language=case.request.language,
        taken_at=case.request.taken_at,
        opened_at=item.opened_at,
        urgent=case.decision.urgent,
        danger=case.decision.danger,
        reason=case.decision.reason,
        model_version=case.decision.model_version,
        text=content.text if content else None,
        postcode=content.visitor.postcode if content else None,
        candidates=_candidates(needs, names=names),
        refusals=_refusals(case, names=names, sealer=sealer),
        returned_needs=tuple(map(_as_shown, returned)),
        already_with=tuple(
            PartnerNamed(partner=id_, partner_name=names.get(id_, id_))
            for id_ in dict.fromkeys(r.partner_id for r in case.live_referrals)
        ),
        bodies=case.decision.bodies,
        held_by=holding.account if holding else None,
        held_until=holding.until if holding else None,
    )


Needs = dict[str, tuple[CandidateNeed, ...]]
"""By partner."""


def _stored_needs(case: CaseFile) -> Needs:
    """Those the decision left open, but for partners that refused."""
    assert case.decision is not None  # noqa: S101 - see `show_triage`
    found: defaultdict[str, tuple[CandidateNeed, ...]] = defaultdict(tuple)
    for need in case.decision.needs:
        if need.partner_id is not None and need.partner_id not in case.excluded:
            found[need.partner_id] += (_as_shown(need),)
    return dict(found)


def _as_shown(need: DecidedNeed) -> CandidateNeed:
    return CandidateNeed(
        demarche=need.demarche_id,
        title=need.title,
        probability=need.probability,
        reason=need.reason,
        because=need.spans,
    )


def _read_again(
    case: CaseFile,
    content: RequestContent,
    *,
    catalogue: Catalogue,
    compiled: CompiledCatalogue,
    known: Needs,
) -> Needs:
    """What the text may still be for, once an agency has sent its share back."""
    assert case.request is not None  # noqa: S101 - see `show_triage`
    reading = classify(
        content.text,
        catalogue=compiled,
        language=case.request.language,
        postcode=content.visitor.postcode,
        channel=case.request.channel,
    )
    not_now = {*known, *case.excluded, *(r.partner_id for r in case.live_referrals)}
    found: defaultdict[str, tuple[CandidateNeed, ...]] = defaultdict(tuple)
    for need in reading.needs:
        if need.partner not in not_now:
            found[need.partner] += (
                CandidateNeed(
                    demarche=need.demarche,
                    title=title_of(need.demarche, catalogue=catalogue),
                    probability=need.probability,
                    reason=need.reason,
                    because=need.spans,
                ),
            )
    return dict(found)


def _candidates(needs: Needs, *, names: dict[str, str]) -> tuple[Candidate, ...]:
    candidates = [
        Candidate(
            partner=partner,
            partner_name=names.get(partner, partner),
            probability=max(need.probability for need in theirs),
            needs=theirs,
        )
        for partner, theirs in needs.items()
    ]
    return tuple(sorted(candidates, key=lambda c: (-c.probability, c.partner)))


def _refusals(case: CaseFile, *, names: dict[str, str], sealer: Sealer) -> tuple[Refusal, ...]:
    return tuple(
        Refusal(
            partner=referral.partner_id,
            partner_name=names.get(referral.partner_id, referral.partner_id),
            reason=referral.refusal_reason,
            words=_words(referral.refusal_sealed, case=case, sealer=sealer),
            at=referral.ended_at,
        )
        for referral in case.referrals
        if referral.refusal_reason is not None and referral.ended_at is not None
    )


def _words(sealed: str | None, *, case: CaseFile, sealer: Sealer) -> str | None:
    if sealed is None:
        return None
    written = _open(sealed, WrittenContent, case=case, sealer=sealer)
    return written.text if written else None


def _open(sealed: str, model: type[Content], *, case: CaseFile, sealer: Sealer) -> Content | None:
    """An unreadable text must not keep the person from the rest, nor from the next item."""
    try:
        return sealer.open(sealed, model, bound_to=case.case_id)
    except CannotOpen:
        log.error("triage_text_not_opened", case_id=str(case.case_id))
        return None
