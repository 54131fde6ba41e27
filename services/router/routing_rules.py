"""PURE: needs + place + consent + what people chose → referrals, triage or out of scope, with why.

The order of the rules is the policy:

1. immediate danger goes to a human at once, never to a partner's queue alone;
2. what a person confirmed or added is sent, what a person removed is not;
3. what the machine is not sure of goes to triage;
4. a text only for bodies outside is out of scope; mixed, the partner gets it, the body is named;
5. nothing is ever sent beyond the consent: further candidates become suggestions.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from services.router.classification.result import BodyFound, Classification, Need, Span
from services.router.places.place import Place, place_of
from services.router.places.unit import ccas_name, unit_at

Decision = Literal["route", "triage", "out_of_scope"]

OUT_OF_SCOPE = "hors_perimetre"
OWN_DESK = "accompagnement"
CCAS = "ccas"  # who gives, outside Paris, what the CASVP gives in Paris

# A person's two minutes are the unit of `Classification.routing_cost`: what may cost more than
# that when it is simply sent goes to a person first.
COST_OF_A_HUMAN = 1.0

_POSTCODE = re.compile(r"[0-9]{5}$")


@dataclass(frozen=True, slots=True)
class HumanChoices:
    """Partner ids a person confirmed, added or removed on the preview (or at the desk)."""

    confirmed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Consent:
    """`confirmed`: only the agencies a person confirmed or added; `concerned`: all concerned."""

    scope: Literal["confirmed", "concerned"]


@dataclass(frozen=True, slots=True)
class PlannedNeed:
    """A need of the case; `index` is its place in `Plan.needs` and never changes."""

    index: int
    demarche_id: str
    partner_id: str
    probability: float
    spans: tuple[Span, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class PlannedReferral:
    """One partner's share of the case."""

    partner_id: str
    unit_id: str | None  # "75119" (mairie, INSEE), "75" (caf, cpam), None when unknown
    need_indexes: tuple[int, ...]
    reason: str  # "confirmed_by_person", "added_by_person", "concerned"
    unit_name: str | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A partner that seems concerned but may not be sent to: not consented, or not sure."""

    partner_id: str
    demarche_id: str
    probability: float
    spans: tuple[Span, ...]
    reason: str  # "beyond_consent", "not_sure"


@dataclass(frozen=True, slots=True)
class NamedBody:
    """A body outside, named to the visitor; the catalogue says how to reach it.

    `name` is there when the place says it better than the catalogue ("CCAS de Montreuil").
    """

    id: str
    spans: tuple[Span, ...]
    reason: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done with a case. Referrals are empty unless `decision` is `route`."""

    decision: Decision
    needs: tuple[PlannedNeed, ...]
    referrals: tuple[PlannedReferral, ...]
    suggestions: tuple[Suggestion, ...]
    bodies: tuple[NamedBody, ...]
    urgent: bool
    danger: str | None
    reason: str


def plan_referrals(
    classification: Classification,
    *,
    consent: Consent,
    choices: HumanChoices,
    postcode: str | None,
    known_partners: frozenset[str],
    excluded: frozenset[str] = frozenset(),
    insee: str | None = None,
) -> Plan:
    """Decide what is sent to whom.

    `insee`: the commune's code, surer than the postcode that several communes may share.
    `known_partners`: ids of the partner directory; a need for another goes to triage.
    `excluded`: partners that refused this need; they beat even an earlier confirmation, so a
    human who insists on one calls without it. Raises nothing.
    """
    never = frozenset(choices.removed) | excluded
    chosen = _unique(
        p for p in (*choices.confirmed, *choices.added) if p not in never and p != OUT_OF_SCOPE
    )
    place = place_of(postcode=postcode, insee=insee)
    candidates, bodies = _apply_place(classification, place=place, postcode=postcode, chosen=chosen)
    candidates = tuple(need for need in candidates if need.partner not in never)
    draft = _Draft(classification, candidates, bodies)
    doubt = _doubt(classification)

    if classification.danger is not None:
        return draft.triage(f"danger:{classification.danger}", chosen)
    if not chosen:
        said_outside = OUT_OF_SCOPE in (*choices.confirmed, *choices.added)
        stop = _stop_without_choice(draft, doubt=doubt, said_outside=said_outside, consent=consent)
        if stop is not None:
            return stop
    concerned = _unique(need.partner for need in candidates)
    widen = consent.scope == "concerned" and doubt is None
    targets = _unique((*chosen, *concerned)) if widen else chosen
    unserved = sorted(set(targets) - known_partners)
    if unserved:
        return draft.triage("partner_not_served:" + ",".join(unserved), chosen)
    return draft.route(
        targets,
        choices=choices,
        place=place,
        left_out_because="not_sure" if doubt else "beyond_consent",
    )


def agencies_of(answer: "Classification | Plan") -> list[str]:
    """The agencies of an answer, best guess included: never empty, `hors_perimetre` alone."""
    if isinstance(answer, Plan):
        partners = _unique(need.partner_id for need in answer.needs)
    else:
        partners = _unique(need.partner for need in answer.needs)
    if partners:
        return list(partners)
    return [OUT_OF_SCOPE] if answer.bodies else [OWN_DESK]


def unit_of(partner_id: str, postcode: str | None, *, insee: str | None = None) -> str | None:
    """The unit of a partner that serves the place, or None when that is not sure.

    mairie: INSEE code of the commune or the arrondissement (75019 → "75119"); caf, cpam: the
    département ("75", "2A", "974").
    """
    unit = unit_at(partner_id, place_of(postcode=postcode, insee=insee))
    return unit.id if unit is not None else None


def _doubt(classification: Classification) -> str | None:
    """Why the machine's own reading may not be followed, or None."""
    if classification.vague:
        return "vague"
    return "low_confidence" if classification.routing_cost > COST_OF_A_HUMAN else None


def _stop_without_choice(
    draft: "_Draft", *, doubt: str | None, said_outside: bool, consent: Consent
) -> Plan | None:
    """The plan when no person named a partner and nothing may be sent; None to go on."""
    if said_outside and draft.bodies:
        return draft.out_of_scope("out_of_scope_by_person")
    if said_outside:
        return draft.triage("out_of_scope_by_person_but_no_body_known")
    if doubt is not None:
        return draft.triage(doubt)
    if not draft.candidates and draft.bodies:
        return draft.out_of_scope("no_partner_competent")
    if not draft.candidates:
        return draft.triage("no_candidate_left")
    return draft.triage("nothing_confirmed") if consent.scope == "confirmed" else None


def _apply_place(
    classification: Classification, *, place: Place, postcode: str | None, chosen: tuple[str, ...]
) -> tuple[tuple[Need, ...], tuple[NamedBody, ...]]:
    """Outside Paris, what the CASVP would do is the CCAS's, unless a person chose the CASVP."""
    needs = classification.needs
    bodies = tuple(_named(body, place) for body in classification.bodies)
    outside = [need for need in needs if need.partner == "casvp"]
    if not outside or "casvp" in chosen or not _is_elsewhere(place, postcode):
        return needs, bodies
    if all(body.id != CCAS for body in bodies):
        spans = tuple(sorted({span for need in outside for span in need.spans}))
        bodies += (NamedBody(CCAS, spans, "casvp_outside_paris", ccas_name(place)),)
    return tuple(need for need in needs if need.partner != "casvp"), bodies


def _named(body: BodyFound, place: Place) -> NamedBody:
    is_ccas = body.id == CCAS and not place.in_paris
    return NamedBody(body.id, body.spans, body.reason, ccas_name(place) if is_ccas else None)


def _is_elsewhere(place: Place, postcode: str | None) -> bool:
    """Whether the visitor surely lives outside Paris."""
    if place.department is not None:
        return not place.in_paris
    return bool(place.communes) or (postcode is not None and bool(_POSTCODE.match(postcode)))


@dataclass(frozen=True, slots=True)
class _Draft:
    """What every plan of one case shares."""

    classification: Classification
    candidates: tuple[Need, ...]
    bodies: tuple[NamedBody, ...]

    def triage(self, reason: str, chosen: tuple[str, ...] = ()) -> Plan:
        """Nothing is sent; the human sees every candidate and what a person already chose."""
        return self._plan("triage", reason, needs=self._needs_for(chosen, with_all=True))

    def out_of_scope(self, reason: str) -> Plan:
        return self._plan("out_of_scope", reason)

    def route(
        self,
        targets: tuple[str, ...],
        *,
        choices: HumanChoices,
        place: Place,
        left_out_because: str,
    ) -> Plan:
        needs = self._needs_for(targets, with_all=False)
        units = {partner: unit_at(partner, place) for partner in targets}
        referrals = tuple(
            PlannedReferral(
                partner_id=partner,
                unit_id=unit.id if unit is not None else None,
                need_indexes=tuple(need.index for need in needs if need.partner_id == partner),
                reason=_who_decided(partner, choices),
                unit_name=unit.name if unit is not None else None,
            )
            for partner, unit in units.items()
        )
        suggestions = tuple(
            Suggestion(n.partner, n.demarche, n.probability, n.spans, left_out_because)
            for n in self.candidates
            if n.partner not in targets and not self.classification.vague
        )
        by_person = any(referral.reason != "concerned" for referral in referrals)
        return self._plan(
            "route",
            "chosen_by_person" if by_person else "concerned",
            needs=needs,
            referrals=referrals,
            suggestions=suggestions,
        )

    def _needs_for(self, partners: tuple[str, ...], *, with_all: bool) -> tuple[PlannedNeed, ...]:
        """The candidates for `partners` (or all), and `<partner>.autre` where none was found."""
        kept = [n for n in self.candidates if with_all or n.partner in partners]
        found = {need.partner for need in kept}
        kept += [
            Need(f"{partner}.autre", partner, 1.0, (), "chosen_by_person")
            for partner in partners
            if partner not in found
        ]
        return tuple(
            PlannedNeed(i, n.demarche, n.partner, n.probability, n.spans, n.reason)
            for i, n in enumerate(kept)
        )

    def _plan(
        self,
        decision: Decision,
        reason: str,
        *,
        needs: tuple[PlannedNeed, ...] = (),
        referrals: tuple[PlannedReferral, ...] = (),
        suggestions: tuple[Suggestion, ...] = (),
    ) -> Plan:
        return Plan(
            decision=decision,
            needs=needs,
            referrals=referrals,
            suggestions=suggestions,
            bodies=self.bodies,
            urgent=self.classification.urgent,
            danger=self.classification.danger,
            reason=reason,
        )


def _who_decided(partner: str, choices: HumanChoices) -> str:
    if partner in choices.confirmed:
        return "confirmed_by_person"
    return "added_by_person" if partner in choices.added else "concerned"


def _unique(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))
