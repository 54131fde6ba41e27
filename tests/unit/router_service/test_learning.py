"""What many decisions teach, and which model stays."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from services.router.case_file import Lesson, LessonSource
from services.router.learning.labelled_text import LabelledText
from services.router.learning.model_files import replace_file, write_comparison
from services.router.learning.retrain_model import Retrained, retrain_model
from services.router.learning.taught_texts import Example, TaughtText, taught_texts

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CASE = uuid4()
OURS = [LabelledText("un texte à nous", frozenset({"caf"}))]


def lesson(
    source: LessonSource,
    *agencies: str,
    wrong: tuple[str, ...] = (),
    minutes: int = 0,
    reason: str = "not_competent",
    case_id: UUID = CASE,
) -> Example:
    return Example(
        Lesson(
            lesson_id=uuid4(),
            case_id=case_id,
            source=source,
            agencies=agencies,
            not_agencies=wrong,
            reason=reason,
            at=NOON + timedelta(minutes=minutes),
            model_version="m1",
        ),
        text="texte",
        language="fr",
    )


def only(*examples: Example) -> LabelledText:
    (taught,) = taught_texts(examples)
    return taught.text


def test_the_last_decision_of_a_person_counts() -> None:
    text = only(
        lesson("reroute", "casvp", wrong=("cpam",), minutes=5),
        lesson("triage", "cpam", wrong=("caf",)),
    )
    assert (text.agencies, text.not_agencies) == ({"casvp"}, {"caf", "cpam"})


def test_an_agency_that_is_not_competent_is_wrong_from_then_on() -> None:
    text = only(lesson("triage", "caf", "cpam"), lesson("refusal", wrong=("cpam",), minutes=1))
    assert (text.agencies, text.not_agencies) == ({"caf"}, {"cpam"})


def test_a_person_who_insists_after_a_refusal_is_right() -> None:
    text = only(lesson("refusal", wrong=("cpam",)), lesson("reroute", "cpam", minutes=1))
    assert (text.agencies, text.not_agencies) == ({"cpam"}, set())


def test_an_agency_of_another_area_was_the_right_kind() -> None:
    text = only(
        lesson("triage", "caf"),
        lesson("refusal", wrong=("caf",), reason="outside_area", minutes=1),
    )
    assert (text.agencies, text.not_agencies) == ({"caf"}, set())


def test_cases_are_told_apart_and_come_in_the_order_of_their_last_word() -> None:
    other = uuid4()
    texts = taught_texts(
        [
            lesson("triage", "caf"),
            lesson("triage", "edf", minutes=1, case_id=other),
            lesson("reroute", "cpam", minutes=2),
        ]
    )
    assert [each.text.agencies for each in texts] == [{"edf"}, {"cpam"}]


# --- training


class Trainer:
    """Stands for training: a model is the name of how good it is."""

    def __init__(self, scores: Mapping[str, tuple[float, float]]) -> None:
        self._scores = scores
        self.trained_on: list[str] = []
        self.measured_on: list[str] = []

    def train(self, texts: Sequence[LabelledText]) -> str:
        self.trained_on = [text.text for text in texts]
        return "new"

    def evaluate_fixed(self, model: str) -> dict[str, float]:
        return {"texts": 400, "macro_f1": self._scores[model][0], "triage_share": 0.1}

    def evaluate(self, model: str, texts: Sequence[LabelledText]) -> dict[str, float]:
        self.measured_on = [text.text for text in texts]
        return {"texts": len(texts), "macro_f1": self._scores[model][1]}


def decisions(count: int) -> list[TaughtText]:
    return [
        TaughtText(
            LabelledText(f"texte {number}", frozenset({"edf"})), NOON + timedelta(hours=number)
        )
        for number in range(count)
    ]


def retrained(
    trainer: Trainer, taught: Sequence[TaughtText], *, present: str | None = "old"
) -> Retrained[str]:
    return retrain_model(
        taught,
        own_texts=OURS,
        present=present,
        train=trainer.train,
        evaluate_fixed=trainer.evaluate_fixed,
        evaluate=trainer.evaluate,
        now=NOON,
    )


@pytest.mark.parametrize(
    ("old", "new", "better"),
    [
        ((0.90, 0.80), (0.91, 0.85), True),
        ((0.90, 0.80), (0.90, 0.80), True),
        ((0.90, 0.80), (0.89, 0.95), False),
        ((0.90, 0.80), (0.95, 0.79), False),
        ((0.90, 0.80), (0.80, 0.70), False),
    ],
)
def test_a_model_is_replaced_only_by_one_that_is_worse_on_neither_set(
    old: tuple[float, float], new: tuple[float, float], better: bool
) -> None:
    done = retrained(Trainer({"old": old, "new": new}), decisions(50))
    assert done.comparison.is_better is better


@pytest.mark.parametrize("score", ["routed_precision", "urgent_recall"])
def test_a_better_f1_does_not_pay_for_what_is_sent_wrongly_or_found_too_late(score: str) -> None:
    class Careless(Trainer):
        def evaluate_fixed(self, model: str) -> dict[str, float]:
            return super().evaluate_fixed(model) | {score: 0.9 if model == "new" else 0.95}

    done = retrained(Careless({"old": (0.8, 0.8), "new": (0.9, 0.9)}), decisions(10))
    assert done.comparison.fixed.worse_in == (score,)
    assert not done.comparison.is_better


def test_the_first_model_is_taken() -> None:
    done = retrained(Trainer({"new": (0.5, 0.5)}), [], present=None)
    assert done.comparison.is_better
    assert done.comparison.recent is None


@pytest.mark.parametrize("count", [0, 1, 2, 10, 57])
def test_what_is_measured_on_is_never_trained_on(count: int) -> None:
    trainer = Trainer({"old": (0.9, 0.9), "new": (0.9, 0.9)})
    retrained(trainer, list(reversed(decisions(count))))

    assert set(trainer.trained_on) & set(trainer.measured_on) == set()
    assert len(trainer.trained_on) + len(trainer.measured_on) == count + len(OURS)
    newest = [f"texte {number}" for number in range(count)][count - len(trainer.measured_on) :]
    assert trainer.measured_on == newest


def test_texts_of_which_only_wrong_agencies_are_known_are_counted_apart() -> None:
    wrong = TaughtText(LabelledText("x", frozenset(), frozenset({"caf"})), NOON)
    trainer = Trainer({"old": (0.9, 0.9), "new": (0.9, 0.9)})
    done = retrained(trainer, [wrong, *decisions(5)])

    assert done.comparison.only_wrong == 1
    assert "x" not in trainer.trained_on + trainer.measured_on


def test_the_comparison_is_written_for_people_and_for_programs(tmp_path: Path) -> None:
    trainer = Trainer({"old": (0.9, 0.8), "new": (0.91, 0.7)})
    comparison = retrained(trainer, decisions(10)).comparison
    readable = write_comparison(tmp_path / "new" / "folder", comparison, replaced=False)

    text = readable.read_text("utf-8")
    assert "**stays**" in text
    assert "Worse in: macro_f1." in text
    told = json.loads(readable.with_suffix(".json").read_text("utf-8"))
    assert told["replaced"] is False
    assert told["fixed"]["candidate"]["macro_f1"] == 0.91


def test_a_model_s_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "model.npz"
    replace_file(file, b"first")
    replace_file(file, b"second")
    with pytest.raises(TypeError):
        replace_file(file, "no bytes")  # type: ignore[arg-type]

    assert file.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [file]
