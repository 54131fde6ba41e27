"""Train the model of this distribution from the texts of this folder; measure it; say so.

python -m services.router.training              # train, measure on the development texts
python -m services.router.training --test       # also on the test texts: once per release
python -m services.router.training --measure    # measure the present model only
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from services.router.catalogue.load import load_catalogue
from services.router.classification.compiled_catalogue import compile_catalogue
from services.router.classification.trained_model import MODEL_FILE, load_model, write_model
from services.router.learning.labelled_text import LabelledText
from services.router.training.evaluate import answer_all, score
from services.router.training.model_card import model_card
from services.router.training.texts import DEVELOPMENT, TEST, TRAINING, VisitorText, read_texts


def main() -> int:
    """Train unless told not to, then print the scores as JSON."""
    parser = argparse.ArgumentParser(prog="python -m services.router.training")
    parser.add_argument("--test", action="store_true", help="measure on the test texts too")
    parser.add_argument("--measure", action="store_true", help="do not train")
    parser.add_argument("--card", type=Path, help="where to write the model card")
    asked = parser.parse_args()
    if not asked.measure:
        from services.router.training.train import train

        texts = [labelled(text) for text in read_texts(*TRAINING)]
        model = train(texts, compiled=compile_catalogue(load_catalogue()))
        MODEL_FILE.write_bytes(write_model(model))
    compiled = compile_catalogue(load_catalogue(), model=load_model())
    names = (*DEVELOPMENT, *((TEST,) if asked.test else ()))
    measured = [(name, score(answer_all(read_texts(name), compiled=compiled))) for name in names]
    for name, scores in measured:
        sys.stdout.write(json.dumps({"set": name, **asdict(scores)}, indent=1) + "\n")
    if asked.card is not None and compiled.model is not None:
        sets = [("training", read_texts(*TRAINING)), *((n, read_texts(n)) for n in names)]
        card = model_card(version=compiled.model.version, measured=measured, texts=sets)
        asked.card.write_text(card, encoding="utf-8")
    return 0


def labelled(text: VisitorText) -> LabelledText:
    """A text of ours as training takes it."""
    return LabelledText(
        text=text.text,
        agencies=text.agencies,
        language=text.language,
        urgent=text.urgent,
        danger=text.danger,
    )


if __name__ == "__main__":
    sys.exit(main())
