"""`aiguillage router retrain`: learn from what people decided; keep the better model."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from services.commands import where
from services.commands.outcome import CommandFailed
from services.commands.printing import print_json

if TYPE_CHECKING:
    from services.router.classification.trained_model import TrainedModel
    from services.router.learning.labelled_text import LabelledText
    from services.router.learning.retrain_model import Scores
    from services.router.learning.taught_texts import TaughtText
    from services.router.training.evaluate import RouterScores
    from services.router.training.texts import VisitorText

_NOT_SAID_BY_PEOPLE = {"urgent_recall", "urgent_precision", "danger_recall", "danger_precision"}


def retrain(*, model_file: Path | None, reports: Path, as_json: bool) -> None:
    """Train, compare, write the comparison, and replace the model's file if it may be.

    Raises `NotReachable`, and `CommandFailed` when scikit-learn is missing.
    """
    try:
        from services.router.training.train import train
    except ImportError as error:
        raise CommandFailed(
            "Training needs scikit-learn, which is not installed.",
            hint="Install Aiguillage with its extra `train`.",
        ) from error
    from services.router.catalogue.load import load_catalogue
    from services.router.classification.compiled_catalogue import compile_catalogue
    from services.router.classification.trained_model import MODEL_FILE, load_model, write_model
    from services.router.learning.model_files import replace_file, write_comparison
    from services.router.learning.retrain_model import retrain_model
    from services.router.training.__main__ import labelled
    from services.router.training.evaluate import answer_all, score
    from services.router.training.texts import TEST, TRAINING, read_texts
    from shared.plumbing.clock import SystemClock

    taught = asyncio.run(_read_taught())
    path = model_file or MODEL_FILE
    catalogue = load_catalogue()
    lexical = compile_catalogue(catalogue)
    fixed = read_texts(TEST)

    def scores(model: "TrainedModel", texts: "Sequence[VisitorText]") -> "RouterScores":
        return score(answer_all(texts, compiled=compile_catalogue(catalogue, model=model)))

    def evaluate(model: "TrainedModel", texts: "Sequence[LabelledText]") -> "Scores":
        found = _figures(scores(model, [_as_said(text) for text in texts]))
        return {name: value for name, value in found.items() if name not in _NOT_SAID_BY_PEOPLE}

    done = retrain_model(
        taught,
        own_texts=[labelled(text) for text in read_texts(*TRAINING)],
        present=load_model(model_file),
        train=lambda texts: train(texts, compiled=lexical),
        evaluate_fixed=lambda model: _figures(scores(model, fixed)),
        evaluate=evaluate,
        now=SystemClock().now(),
    )
    if done.comparison.is_better:
        replace_file(path, write_model(done.candidate))
    report = write_comparison(reports, done.comparison, replaced=done.comparison.is_better)
    if as_json:
        print_json({"replaced": done.comparison.is_better, "comparison": str(report)})
    else:
        print(report.read_text("utf-8"))  # noqa: T201 - what was asked for
        print(report)  # noqa: T201


async def _read_taught() -> "list[TaughtText]":
    from services.router.learning.read_examples import read_examples
    from services.router.learning.taught_texts import taught_texts
    from shared.plumbing.database import Database
    from shared.plumbing.sealing import KeyRing, Sealer

    sealer = Sealer(KeyRing.parse(where.key_ring()))
    database = await Database.connect(where.database_url(), application="retrain", max_size=1)
    try:
        return taught_texts(await read_examples(database, sealer=sealer))
    finally:
        await database.close()


def _figures(scores: "RouterScores") -> "Scores":
    return {name: value for name, value in asdict(scores).items() if not isinstance(value, dict)}


def _as_said(text: "LabelledText") -> "VisitorText":
    """A text people labelled, as those of the test set; what they did not say is not scored."""
    from services.router.training.texts import VisitorText

    return VisitorText(
        id="",
        text=text.text,
        agencies=text.agencies,
        urgent=bool(text.urgent),
        danger=None,
        kind="decided",
        language=text.language or "fr",
        postcode=None,
    )
