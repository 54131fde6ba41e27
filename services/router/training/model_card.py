"""The model card, written from what was measured: docs/model-card.md."""

from collections import Counter
from collections.abc import Sequence

from services.router.classification.joined import (
    COST_OF_A_MISSING_AGENCY,
    COST_OF_A_WRONG_AGENCY,
    INCLUDED_FROM,
    URGENT_FROM,
)
from services.router.routing_rules import COST_OF_A_HUMAN
from services.router.training.evaluate import RouterScores
from services.router.training.texts import VisitorText

_TARGETS: tuple[tuple[str, str, float, bool], ...] = (
    ("macro F1 over the ten labels", "macro_f1", 0.90, True),
    ("exact set, texts with several needs", "several_exact", 0.75, True),
    ("macro F1, texts with several needs", "several_macro_f1", 0.85, True),
    ("precision of what is routed without a human", "routed_precision", 0.97, True),
    ("share sent to triage", "triage_share", 0.15, False),
    ("urgent cases found", "urgent_recall", 0.95, True),
    ("urgent precision", "urgent_precision", 0.80, True),
    ("out-of-scope texts sent to a partner", "outside_sent_to_a_partner", 0.05, False),
    ("macro F1, noisy texts", "noisy_f1", 0.85, True),
    ("macro F1, foreign texts", "foreign_f1", 0.75, True),
)
"""Title, field, the least (or most) asked for, and whether higher is better."""


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
            f"Model: `{version}`. A linear model on word and character n-grams, joined with what",
            "the catalogue finds in the text. Trained with scikit-learn, run with numpy alone.",
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
        "fails when a text of one set is nearly one of another.",
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
        "expected to cost more than one look when sent unseen goes to a person. Danger is the",
        "catalogue's alone and always goes to a person at once.",
        "",
    ]


def _scores(name: str, scores: RouterScores) -> list[str]:
    lines = [
        f"## Scores: {name} ({scores.texts} texts)",
        "",
        "| | measured | asked | |",
        "|---|---|---|---|",
    ]
    for title, field, asked, higher in _TARGETS:
        value = getattr(scores, field)
        met = value >= asked if higher else value <= asked
        sign = "≥" if higher else "≤"
        lines.append(
            f"| {title} | {value:.3f} | {sign} {asked:.2f} | {'met' if met else 'MISSED'} |"
        )
    lines += [
        f"| exact set, all texts | {scores.exact:.3f} | | |",
        f"| dangers seen | {scores.danger_recall:.3f} | | |",
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
        "The catalogue was tuned on errors seen in the development texts and in half of the",
        "training texts, so the development scores flatter; the test scores are the honest ones.",
        "The weakest kinds are those with the lowest figures above: texts where the agency named",
        "is not the one concerned, and three needs in one breath. The texts come from few writers,",
        "who are not visitors: retrain on what people decide (`aiguillage router retrain`) once",
        "there are a few hundred decisions. The model proposes; a person's choice always wins.",
        "",
    ]
