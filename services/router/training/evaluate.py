"""Measure the router as it runs on labelled texts: catalogue, model and routing rules together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from services.router.classification.classify import classify_all
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.classification.result import Classification
from services.router.classification.trained_model import AGENCIES
from services.router.routing_rules import Consent, HumanChoices, agencies_of, plan_referrals
from services.router.training.texts import VisitorText

OUTSIDE = "hors_perimetre"
_HOUSE = {OUTSIDE, "accompagnement"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the router says of one text, beside what is right."""

    text: VisitorText
    agencies: frozenset[str]
    decision: str
    urgent: bool
    danger: str | None
    confidence: float

    @property
    def is_exact(self) -> bool:
        return self.agencies == self.text.agencies


@dataclass(frozen=True, slots=True)
class RouterScores:
    """Each 0…1 unless said otherwise; agencies are scored whatever the decision."""

    texts: int
    macro_f1: float
    exact: float
    several_exact: float
    several_macro_f1: float
    routed_precision: float
    """Of the agencies of texts that no human sees first."""
    triage_share: float
    urgent_recall: float
    urgent_precision: float
    outside_sent_to_a_partner: float
    noisy_f1: float
    foreign_f1: float
    danger_recall: float
    danger_precision: float
    calibration_error: float
    """Mean distance between the confidence told and the share that was right, in ten bins."""
    f1_by_agency: dict[str, float]
    exact_by_kind: dict[str, float]


def answer_all(texts: Sequence[VisitorText], *, compiled: CompiledCatalogue) -> list[Answer]:
    """Route each text as if its visitor agreed to all agencies concerned."""
    found = classify_all([text.text for text in texts], catalogue=compiled)
    return [_answer(text, read, compiled) for text, read in zip(texts, found, strict=True)]


def _answer(text: VisitorText, read: Classification, compiled: CompiledCatalogue) -> Answer:
    plan = plan_referrals(
        read,
        consent=Consent("concerned"),
        choices=HumanChoices(),
        postcode=text.postcode,
        known_partners=frozenset(compiled.partner_ids),
    )
    return Answer(
        text=text,
        agencies=frozenset(agencies_of(plan)),
        decision=plan.decision,
        urgent=plan.urgent,
        danger=plan.danger,
        confidence=read.confidence,
    )


def score(answers: Sequence[Answer]) -> RouterScores:
    """All the figures of the model card."""
    several = [a for a in answers if len(a.text.agencies) > 1]
    routed = [a for a in answers if a.decision != "triage"]
    outside = [a for a in answers if a.text.agencies == {OUTSIDE}]
    danger = [a for a in answers if a.text.danger]
    return RouterScores(
        texts=len(answers),
        macro_f1=macro_f1(answers),
        exact=_share(answers, lambda a: a.is_exact),
        several_exact=_share(several, lambda a: a.is_exact),
        several_macro_f1=macro_f1(several),
        routed_precision=_ratio(
            sum(len(a.agencies & a.text.agencies) for a in routed),
            sum(len(a.agencies) for a in routed),
        ),
        triage_share=_share(answers, lambda a: a.decision == "triage"),
        urgent_recall=_share([a for a in answers if a.text.urgent], lambda a: a.urgent),
        urgent_precision=_share([a for a in answers if a.urgent], lambda a: a.text.urgent),
        outside_sent_to_a_partner=_share(
            outside, lambda a: a.decision == "route" and bool(a.agencies - _HOUSE)
        ),
        noisy_f1=macro_f1([a for a in answers if a.text.kind == "noisy"]),
        foreign_f1=macro_f1([a for a in answers if a.text.kind == "foreign"]),
        danger_recall=_share(danger, lambda a: a.danger is not None),
        danger_precision=_share(
            [a for a in answers if a.danger], lambda a: a.text.danger is not None
        ),
        calibration_error=_calibration_error(answers),
        f1_by_agency={agency: _f1(answers, agency) for agency in AGENCIES},
        exact_by_kind={
            kind: _share([a for a in answers if a.text.kind == kind], lambda a: a.is_exact)
            for kind in sorted({a.text.kind for a in answers})
        },
    )


def macro_f1(answers: Sequence[Answer]) -> float:
    """The mean F1 of the labels that are there in these texts."""
    present = [g for g in AGENCIES if any(g in a.text.agencies for a in answers)]
    return float(np.mean([_f1(answers, agency) for agency in present])) if present else 0.0


def _f1(answers: Sequence[Answer], agency: str) -> float:
    both = sum(agency in a.agencies and agency in a.text.agencies for a in answers)
    either = sum((agency in a.agencies) + (agency in a.text.agencies) for a in answers)
    return _ratio(2 * both, either)


def _share(answers: Sequence[Answer], holds: Callable[[Answer], bool]) -> float:
    return _ratio(sum(holds(answer) for answer in answers), len(answers))


def _ratio(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0


def _calibration_error(answers: Sequence[Answer]) -> float:
    told = np.array([a.confidence for a in answers])
    right = np.array([a.is_exact for a in answers], dtype=float)
    bins = np.minimum((told * 10).astype(int), 9)
    distances = [
        abs(told[bins == b].mean() - right[bins == b].mean()) * (bins == b).sum()
        for b in np.unique(bins)
    ]
    return round(float(sum(distances) / max(1, len(answers))), 4)
