"""A case as the site that took it sees it, and as the visitor sees it. Pure but for opening.

The site sees everything, the visitor nothing of who at the site or which machine did what.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.intake.case_facts import CaseFacts, ReferralFacts
from services.intake.case_store import Case, CaseSummary
from services.intake.timeline_store import TimelineRow
from shared.contracts.events import DecidedNeed
from shared.contracts.personal import RequestContent, WrittenContent
from shared.plumbing.sealing import Sealer

_FACTS_FOR_VISITORS = ("status", "refusal_reason", "decision")


def show_summary(case: CaseSummary, *, partner_names: Mapping[str, str]) -> dict[str, Any]:
    """A case in the list of its site."""
    return {
        "case_id": str(case.case_id),
        "reference": case.reference,
        "status": case.status,
        "channel": case.channel,
        "station_id": case.station_id,
        "taken_at": case.taken_at.isoformat(),
        "received_at": case.received_at.isoformat(),
        "urgent": case.urgent,
        "danger": case.danger,
        "referrals": [
            {**referral, "partner_name": partner_names.get(referral["partner_id"])}
            for referral in case.referrals
        ],
    }


def show_to_site(
    case: Case, timeline: Sequence[TimelineRow], *, sealer: Sealer, partner_names: Mapping[str, str]
) -> dict[str, Any]:
    """The whole case, for the people of its site."""
    content = sealer.open(case.sealed, RequestContent, bound_to=case.case_id)
    decision = case.facts.decision
    return {
        "case_id": str(case.case_id),
        "reference": case.reference,
        "status": case.status,
        "channel": case.channel,
        "site_id": case.site_id,
        "station_id": case.station_id,
        "language": case.language,
        "taken_at": case.taken_at.isoformat(),
        "received_at": case.received_at.isoformat(),
        "submitted_by": case.submitted_by,
        "withdrawn_at": case.withdrawn_at.isoformat() if case.withdrawn_at else None,
        "withdrawn_by": case.withdrawn_by,
        "consent": dict(case.consent),
        "agencies": dict(case.choices),
        "text": content.text,
        "visitor": content.visitor.model_dump(mode="json", exclude_none=True),
        "tell_by": content.tell_by,
        "decision": decision.model_dump(mode="json", exclude={"needs", "bodies"})
        if decision is not None
        else None,
        "needs": [need.model_dump(mode="json") for need in _needs(case.facts)],
        "bodies": _bodies(case.facts),
        "referrals": [
            _show_referral(referral, case.facts, partner_names=partner_names)
            for referral in _in_order(case.facts)
        ],
        "timeline": [
            {
                "kind": row.kind,
                "at": row.at.isoformat(),
                "recorded_at": row.recorded_at.isoformat(),
                "referral_id": str(row.referral_id) if row.referral_id else None,
                "partner_id": row.partner_id,
                "facts": dict(row.facts),
                "words": _open_words(row, case, sealer=sealer),
            }
            for row in timeline
        ],
    }


def show_to_visitor(
    case: Case, timeline: Sequence[TimelineRow], *, sealer: Sealer, partner_names: Mapping[str, str]
) -> dict[str, Any]:
    """What the visitor may see with their tracking secret."""
    return {
        "reference": case.reference,
        "status": case.status,
        "received_at": case.received_at.isoformat(),
        "withdrawn_at": case.withdrawn_at.isoformat() if case.withdrawn_at else None,
        "needs": [need.title for need in _needs(case.facts)],
        "bodies": _bodies(case.facts),
        "referrals": [
            {
                "referral_id": str(referral.referral_id),
                "partner_id": referral.partner_id,
                "partner_name": partner_names.get(referral.partner_id),
                "status": referral.status,
                "status_at": _time(referral.agency_status_at or referral.delivered_at),
                "refusal_reason": referral.refusal_reason,
                "partner_reference": referral.partner_reference,
            }
            for referral in _in_order(case.facts)
            if referral.referral_id not in case.facts.recalled
        ],
        "timeline": [
            {
                "kind": row.kind,
                "at": row.at.isoformat(),
                "partner_id": row.partner_id,
                "facts": {
                    name: row.facts[name] for name in _FACTS_FOR_VISITORS if name in row.facts
                },
                "words": _text(_open_words(row, case, sealer=sealer)),
            }
            for row in timeline
        ],
    }


def _show_referral(
    referral: ReferralFacts, facts: CaseFacts, *, partner_names: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "referral_id": str(referral.referral_id),
        "partner_id": referral.partner_id,
        "partner_name": partner_names.get(referral.partner_id),
        "unit_id": referral.unit_id,
        "status": referral.status,
        "status_at": _time(referral.agency_status_at or referral.delivered_at),
        "refusal_reason": referral.refusal_reason,
        "recalled": referral.referral_id in facts.recalled,
        "needs_person": referral.needs_person,
        "partner_reference": referral.partner_reference,
        "delivered_at": _time(referral.delivered_at),
        "delivery": {
            "state": referral.delivery_state,
            "at": _time(referral.delivery_at),
            "attempt": referral.delivery_attempt,
            "reason": referral.delivery_reason,
            "owner": referral.delivery_owner,
        }
        if referral.delivery_state
        else None,
        "need_ids": [str(need.need_id) for need in referral.needs],
    }


def _needs(facts: CaseFacts) -> Iterable[DecidedNeed]:
    """Those of the decision in force, then those of referrals it left as they were."""
    needs = {need.need_id: need for need in (facts.decision.needs if facts.decision else ())}
    for referral in _in_order(facts):
        needs |= {need.need_id: need for need in referral.needs if need.need_id not in needs}
    return needs.values()


def _bodies(facts: CaseFacts) -> list[dict[str, Any]]:
    return [body.model_dump() for body in facts.decision.bodies] if facts.decision else []


def _in_order(facts: CaseFacts) -> list[ReferralFacts]:
    return sorted(facts.referrals.values(), key=lambda r: (r.decision_number or 0, r.partner_id))


def _open_words(row: TimelineRow, case: Case, *, sealer: Sealer) -> dict[str, Any] | None:
    if row.sealed is None:
        return None
    words = sealer.open(row.sealed, WrittenContent, bound_to=case.case_id)
    return words.model_dump(mode="json")


def _text(words: Mapping[str, Any] | None) -> str | None:
    return words["text"] if words is not None else None


def _time(at: Any) -> str | None:
    return at.isoformat() if at is not None else None
