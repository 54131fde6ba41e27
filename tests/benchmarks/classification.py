"""The router's classifier on one core, and what it makes of the texts that it is measured on.

Ours: `classify_all`, as `aiguillage classify` calls it; the times of one text are of `classify`.
Bare: what no linear model does without: fold the words, hash their n-grams one by one, weigh them,
multiply.
"""

import gc
import statistics
import time
import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from services.router.catalogue.load import load_catalogue
from services.router.classification.classify import classify, classify_all
from services.router.classification.compiled_catalogue import CompiledCatalogue, compile_catalogue
from services.router.classification.ngrams import SIZE
from services.router.classification.normalisation import STOPWORDS, folded_words, stem
from services.router.classification.trained_model import MODEL_FILE, TrainedModel, load_model
from services.router.training.evaluate import RouterScores, answer_all, score
from services.router.training.model_card import TARGETS
from services.router.training.texts import DEVELOPMENT, TEST, TRAINING, read_texts
from tests.benchmarks.alternation import Contestant, duel
from tests.benchmarks.measure import Effort, Measure
from tests.benchmarks.percentiles import percentiles

_LETTERS = (3, 4, 5)


async def measure(effort: Effort) -> list[Measure]:
    """Gates and aims are those of issue 4."""
    model, load_seconds = _loaded()
    compiled = compile_catalogue(load_catalogue(), model=model)
    texts = [text.text for text in read_texts(*DEVELOPMENT, *TRAINING)]
    texts = texts[:: max(1, len(texts) // effort.pick(full=2_000, quick=400))]
    found = await duel(
        ours=_contestant(lambda: classify_all(texts, catalogue=compiled), len(texts)),
        bare=_contestant(lambda: [_bare(text, model) for text in texts], len(texts)),
        rounds=effort.pick(full=5, quick=3),
        say=effort.say,
    )
    spent = percentiles(_milliseconds(texts, compiled))
    scores = score(answer_all(read_texts(TEST), compiled=compiled))
    return [
        Measure(
            id="classification_ratio",
            value=found.ratio,
            unit="ours/bare",
            better="higher",
            gate=0.5,
            aim=0.8,
            rounds=found.ratios,
            facts=found.facts() | {"texts": len(texts)},
        ),
        Measure(
            id="classification_texts_per_second",
            value=statistics.median(found.ours),
            unit="texts/s",
            better="higher",
            gate=1_000,
            aim=5_000,
            rounds=found.ours,
        ),
        Measure(
            id="classification_p99_ms",
            value=spent["p99"],
            unit="ms",
            better="lower",
            gate=15,
            aim=5,
            facts=spent,
        ),
        Measure(
            id="model_megabytes",
            value=MODEL_FILE.stat().st_size / 1e6,
            unit="MB",
            better="lower",
            gate=20,
        ),
        Measure(id="model_load_seconds", value=load_seconds, unit="s", better="lower", gate=1),
        *_quality(scores),
    ]


def _loaded() -> tuple[TrainedModel, float]:
    started = time.perf_counter()
    model = load_model()
    assert model is not None
    return model, time.perf_counter() - started


def _contestant(answer: Callable[[], object], texts: int) -> Contestant:
    async def run(_: int) -> float:
        gc.collect()
        started = time.process_time()
        answer()
        return texts / (time.process_time() - started)

    return run


def _bare(text: str, model: TrainedModel) -> np.ndarray:
    forms = folded_words(text)
    stems = [stem(form) for form in forms]
    telling = [stem(form) for form in forms if form not in STOPWORDS]
    said = [
        *stems,
        *(f"{one} {other}" for one, other in pairwise(stems)),
        *(f"{one} {other}" for one, other in pairwise(telling)),
        *(
            part
            for form in forms
            for length in _LETTERS
            for start in range(len(form) + 3 - length)
            if (part := f"<{form}>"[start : start + length])
        ),
    ]
    places = [zlib.crc32(ngram.encode("utf-8", "replace")) % SIZE for ngram in said]
    weights = model.idf[places]
    scores = weights @ model.weights[places]
    return scores / (np.sqrt(weights @ weights) + 1e-9) + model.bias


def _milliseconds(texts: Sequence[str], compiled: CompiledCatalogue) -> list[float]:
    """Of each text alone, by the clock on the wall."""
    spent = []
    for text in texts:
        started = time.perf_counter()
        classify(text, catalogue=compiled)
        spent.append((time.perf_counter() - started) * 1000)
    return spent


def _quality(scores: RouterScores) -> list[Measure]:
    """What the model card says of the test texts."""
    return [
        Measure(
            id=f"classification_{target.field}",
            value=getattr(scores, target.field),
            unit="share" if "share" in target.field else "0…1",
            better="higher" if target.higher else "lower",
            gate=target.asked,
            aim=target.aim,
        )
        for target in TARGETS
    ]
