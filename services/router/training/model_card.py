"""The model card, written from what was measured: docs/model-card.md."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from services.router.classification.joined import (
    COST_OF_A_MISSING_AGENCY,
    COST_OF_A_WRONG_AGENCY,
    DANGER_FROM,
    INCLUDED_FROM,
    URGENT_FROM,
)
from services.router.routing_rules import COST_OF_A_HUMAN
from services.router.training.evaluate import RouterScores
from services.router.training.texts import VisitorText


@dataclass(frozen=True, slots=True)
class Target:
    """A figure of `RouterScores` that the issue asks for: at least, or at most, so much."""

    title: str
    field: str
    asked: float
    aim: float | None
    higher: bool = True


TARGETS = (
    Target("macro F1 over the ten labels", "macro_f1", 0.90, 0.95),
    Target("exact set, texts with several needs", "several_exact", 0.75, 0.85),
    Target("macro F1, texts with several needs", "several_macro_f1", 0.85, 0.92),
    Target("precision of what is routed without a human", "routed_precision", 0.97, 0.99),
    Target("share sent to triage", "triage_share", 0.15, None, higher=False),
    Target("urgent cases found", "urgent_recall", 0.95, 0.99),
    Target("urgent precision", "urgent_precision", 0.80, 0.90),
    Target(
        "out-of-scope texts sent to a partner",
        "outside_sent_to_a_partner",
        0.05,
        0.02,
        higher=False,
    ),
    Target("macro F1, noisy texts", "noisy_f1", 0.85, 0.92),
    Target("macro F1, foreign texts", "foreign_f1", 0.75, 0.88),
)


def model_card(
    *,
    version: str,
    measured: Sequence[tuple[str, RouterScores]],
    texts: Sequence[tuple[str, Sequence[VisitorText]]],
) -> str:
    """The card in Markdown; every figure is one that was just measured."""
    return "\n".join(
        [
            "# Model card: the router's classifier",
            "",
            "Written by `make model`; every figure below was measured when it ran. Do not edit.",
            "",
            f"Model: `{version}`. Two steps. The first is linear: it weighs word and character",
            "n-grams and what the catalogue finds in the text, and beside them how each agency",
            "that the text names is spoken of, its name left out (an employer, a sender, a place,",
            "something denied is spoken of alike whoever it is). The second joins, for each",
            "agency, its own scores with those of its rivals, by small networks that all agencies",
            "share. Trained with scikit-learn, run with numpy alone.",
            "",
            *_data(texts),
            *_policy(),
            *(line for name, scores in measured for line in _scores(name, scores)),
            *_use(),
        ]
    )


def _data(texts: Sequence[tuple[str, Sequence[VisitorText]]]) -> list[str]:
    lines = [
        "## Data",
        "",
        "Written by hand in visitors' voices, no template; no real person's words. Whoever wrote",
        "the development and test texts had not seen the training texts nor the catalogue; a test",
        "fails when a text of one set is nearly one of another. Other readers labelled again,",
        "without seeing the labels: all texts that measure (98 to 99 % the same agencies) and",
        "3,114 training texts, most of which an earlier model had got wrong (93 %; the 236 that",
        "differed in agencies or urgency were left out). The sets `ai` and later were written",
        "against the model: their writers saw which of their texts it got wrong (about a third)",
        "and wrote on around its weaknesses. Other readers agreed on 99 % of 1,673 of the wrong.",
        "",
        "| set | texts | urgent | in another language | kinds |",
        "|---|---|---|---|---|",
    ]
    for name, held in texts:
        kinds = ", ".join(
            f"{kind} {n}" for kind, n in sorted(Counter(t.kind for t in held).items())
        )
        foreign = sum(text.language != "fr" for text in held)
        urgent = sum(text.urgent for text in held)
        lines.append(f"| {name} | {len(held)} | {urgent} | {foreign} | {kinds} |")
    return [*lines, ""]


def _policy() -> list[str]:
    return [
        "## What decides",
        "",
        f"An agency is included from a probability of {INCLUDED_FROM}; a case is urgent from",
        f"{URGENT_FROM}, since one that waits costs far more than one looked at first for nothing.",
        f"In human looks at a triage screen (two minutes = {COST_OF_A_HUMAN:g}), a wrong agency",
        f"costs {COST_OF_A_WRONG_AGENCY:g} and a missing one {COST_OF_A_MISSING_AGENCY:g}: what is",
        "expected to cost more than one look when sent unseen goes to a person. Danger is what",
        f"the catalogue sees or what the model holds likely (from {DANGER_FROM}): one missed may",
        "cost a life, a false one costs a look. It goes to a person at once.",
        "",
    ]


def _scores(name: str, scores: RouterScores) -> list[str]:
    lines = [
        f"## Scores: {name} ({scores.texts} texts)",
        "",
        "| | measured | asked | |",
        "|---|---|---|---|",
    ]
    for target in TARGETS:
        value = getattr(scores, target.field)
        met = value >= target.asked if target.higher else value <= target.asked
        sign = "≥" if target.higher else "≤"
        verdict = "met" if met else "MISSED"
        lines.append(f"| {target.title} | {value:.3f} | {sign} {target.asked:.2f} | {verdict} |")
    lines += [
        f"| exact set, all texts | {scores.exact:.3f} | | |",
        f"| dangers seen | {scores.danger_recall:.3f} | | |",
        f"| dangers told that are none | {1 - scores.danger_precision:.3f} | | |",
        f"| calibration error of the confidence | {scores.calibration_error:.3f} | | |",
        "",
        "F1 by agency: "
        + ", ".join(f"{agency} {value:.2f}" for agency, value in scores.f1_by_agency.items())
        + ".",
        "",
        "Exact set by kind: "
        + ", ".join(f"{kind} {value:.2f}" for kind, value in scores.exact_by_kind.items())
        + ".",
        "",
    ]
    return lines


def _use() -> list[str]:
    return [
        "## Weaknesses and use",
        "",
        "The catalogue was tuned on errors seen in set A of the development texts and in part of",
        "the training texts, so A flatters. Set B was written later by somebody who had seen none",
        "of it; the errors in one half of it were read once, after it had been measured, and some",
        "training texts say otherwise what was wrong there. Set C came from one more writer;",
        "its errors were read once too, and some vague training texts added after. Thresholds are",
        "chosen on A, B and C. Set D, the last, and the test texts nobody read, and nothing was",
        "chosen by them: their scores are the honest ones. The test texts measure each release.",
        "The weakest kinds are those with the lowest figures above: texts where the agency named",
        "is not the one concerned, and three needs in one breath. The texts come from few writers,",
        "who are not visitors: retrain on what people decide (`aiguillage router retrain`) once",
        "there are a few hundred decisions. The model proposes; a person's choice always wins.",
        "",
    ]
