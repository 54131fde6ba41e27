"""The trained model beside the catalogue: any text is answered, no danger is argued away."""

import io
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.catalogue.load import load_catalogue
from services.router.classification.classify import (
    AT_ONCE,
    classify,
    classify_all,
    classify_lexically,
)
from services.router.classification.compiled_catalogue import CompiledCatalogue, compile_catalogue
from services.router.classification.danger import SAID_APART
from services.router.classification.finds import finds_of
from services.router.classification.joined import INCLUDED_FROM
from services.router.classification.matching import read
from services.router.classification.mentions import mentions_of
from services.router.classification.ngrams import SIZE, clauses_of, ngrams_within
from services.router.classification.result import Classification
from services.router.classification.trained_model import (
    COLUMN,
    LABELS,
    TrainedModel,
    UnusableModel,
    load_model,
    read_model,
    write_model,
)
from services.router.routing_rules import COST_OF_A_HUMAN, agencies_of

AGENCIES = set(LABELS[:-1])


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    found = load_model()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def compiled(model: TrainedModel) -> CompiledCatalogue:
    return compile_catalogue(load_catalogue(), model=model)


@given(text=st.text(max_size=400))
@settings(deadline=None, max_examples=150)
def test_any_text_gets_an_answer(compiled: CompiledCatalogue, text: str) -> None:
    found = classify(text, catalogue=compiled)
    assert set(agencies_of(found)) <= AGENCIES
    assert 0 <= found.confidence <= 1
    assert found.routing_cost >= 0
    for need in found.needs:
        assert all(0 <= start < end <= len(text) for start, end in need.spans)


def assert_same(one: Classification, other: Classification) -> None:
    """The same answer; figures may differ in the last digit: sums of many are added otherwise."""
    assert _without_figures(one) == _without_figures(other)
    assert _figures(one) == pytest.approx(_figures(other), abs=0.002)


def _without_figures(found: Classification) -> Classification:
    return found._replace(
        needs=tuple(need._replace(probability=0.0) for need in found.needs),
        bodies=tuple(body._replace(probability=0.0) for body in found.bodies),
        confidence=0.0,
        routing_cost=0.0,
    )


def _figures(found: Classification) -> list[float]:
    return [
        found.confidence,
        found.routing_cost,
        *(need.probability for need in found.needs),
        *(body.probability for body in found.bodies),
    ]


_SAID = (
    *("", "🙂🙂🙂", "x" * 5000, "caf " * 1250, "...", "mon mari me frappe", "<b>mes apl</b>"),
    *("je ne touche plus rien de la kaf et ma carte vitale est perdue", "ni EDF ni Engie"),
)


@given(texts=st.lists(st.sampled_from(_SAID) | st.text(max_size=80), max_size=12))
@settings(deadline=None, max_examples=100)
def test_many_texts_are_read_as_each_alone(compiled: CompiledCatalogue, texts: list[str]) -> None:
    together = classify_all(texts, catalogue=compiled)
    for text, found in zip(texts, together, strict=True):
        assert_same(found, classify(text, catalogue=compiled))


@pytest.mark.parametrize("size", [AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE + 1])
def test_every_text_keeps_its_place_wherever_the_batch_ends(
    compiled: CompiledCatalogue, size: int
) -> None:
    texts = [_SAID[n % len(_SAID)] + f" {n}" for n in range(size)]
    together = classify_all(texts, catalogue=compiled)
    assert len(together) == size
    for text, found in zip(texts, together, strict=True):
        assert_same(found, classify(text, catalogue=compiled))


@pytest.mark.parametrize(
    "text",
    [
        "((((((",
        "-" * 5000,
        "!!! ???",
        "10/12 14h 75019",
        "<br><br>",
        "",
        "a",
        "🙂🙂🙂",
        "\u200f\u200f",
        "...",
        "x" * 5000,
        "12 12 12",
    ],
)
def test_what_says_nothing_is_never_sent_without_a_human(
    compiled: CompiledCatalogue, text: str
) -> None:
    found = classify(text, catalogue=compiled)
    assert found.vague or found.routing_cost > COST_OF_A_HUMAN


def test_a_danger_that_the_catalogue_sees_is_never_argued_away(
    compiled: CompiledCatalogue, model: TrainedModel
) -> None:
    careless = replace(model, join_out_bias=model.join_out_bias - 50)
    text = "mon mari me frappe et je veux aussi mon attestation caf"
    found = classify(text, catalogue=replace(compiled, model=careless))
    assert (found.danger, found.urgent) == ("3919", True)
    assert "accompagnement" in [need.partner for need in found.needs]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("mi marido me pega y tengo miedo de volver a casa", "3919"),
        ("有人拿刀追我", "17"),
        ("мой муж меня бьет", "3919"),
        ("help, he is not breathing", "15"),
        ("evde gaz kokusu var", "gaz"),
    ],
)
def test_a_danger_is_seen_in_other_languages(
    compiled: CompiledCatalogue, text: str, number: str
) -> None:
    lexical, _ = classify_lexically(text, catalogue=compiled)
    assert lexical.danger == number


def test_words_of_a_single_sign_are_read_too(compiled: CompiledCatalogue) -> None:
    found = classify("我家的电费账单比去年多了一倍", catalogue=compiled)
    assert [need.partner for need in found.needs] == ["edf"]
    assert found.confidence > 0.5
    assert found.model_version.startswith("joined")


def test_a_danger_no_name_of_which_is_said_is_seen_too(compiled: CompiledCatalogue) -> None:
    text = "il m'a encore fait mal hier soir et il a dit que ce serait pire la prochaine fois"
    lexical, _ = classify_lexically(text, catalogue=compiled)
    assert (lexical.danger, classify(text, catalogue=compiled).danger) == (None, "3919")


@pytest.mark.parametrize(("number", "signs", "pattern"), SAID_APART)
def test_no_danger_said_apart_is_without_its_sign(
    number: str, signs: tuple[str, ...], pattern: re.Pattern[str]
) -> None:
    @given(said=st.from_regex(pattern))
    @settings(deadline=None, max_examples=300)
    def has_sign(said: str) -> None:
        assert any(sign in said for sign in signs), (number, said)

    has_sign()


def test_how_an_agency_is_spoken_of_does_not_depend_on_which(compiled: CompiledCatalogue) -> None:
    said = "je travaille à {} depuis dix ans et je voudrais autre chose"
    names = ("la caf", "la sncf")
    spoken = mentions_of([read(said.format(name), catalogue=compiled) for name in names])
    assert spoken.of.tolist() == [[0, COLUMN["caf"]], [1, COLUMN["sncf"]]]
    of_caf, of_sncf = (sorted(spoken.places[spoken.which == mention]) for mention in (0, 1))
    assert of_caf == of_sncf


@pytest.mark.parametrize(
    "said",
    [
        "je travaille à la caf",
        "la caf m'en parle et je ne comprends pas",
        "ni la caf ni la sécu : le train",
        "c'est pour la caf, la caf me le demande",
    ],
)
def test_an_agency_is_spoken_of_in_words_of_its_own_text(
    compiled: CompiledCatalogue, said: str
) -> None:
    readings = [
        read(text, catalogue=compiled) for text in (said, "bonjour", "et ma facture edf ?", said)
    ]
    together, alone = mentions_of(readings), mentions_of(readings[-1:])
    own = np.flatnonzero(together.of[:, 0] == 3)
    assert together.of[own, 1].tolist() == alone.of[:, 1].tolist()
    for mention, same in zip(own, range(len(alone.of)), strict=True):
        assert sorted(together.places[together.which == mention]) == sorted(
            alone.places[alone.which == same]
        )


def test_texts_that_speak_of_no_agency_have_no_mentions(compiled: CompiledCatalogue) -> None:
    spoken = mentions_of([read("bonjour", catalogue=compiled)])
    assert spoken.of.shape == (0, 2)
    assert not len(spoken.places)


def test_every_agency_chosen_says_which_words_decided(compiled: CompiledCatalogue) -> None:
    text = "je ne touche plus rien de la kaf depuis deux mois"
    found = classify(text, catalogue=compiled)
    assert [need.partner for need in found.needs] == ["caf"]
    assert found.needs[0].spans
    assert found.needs[0].probability >= INCLUDED_FROM


def test_a_sentence_said_twenty_times_says_no_more_than_once(compiled: CompiledCatalogue) -> None:
    once = "Je ne sais pas quel papier il faut. "
    again = classify(once * 20, catalogue=compiled)
    assert again == classify(once, catalogue=compiled)
    assert again.danger is None


def test_the_model_says_its_version_and_the_catalogue_s(
    compiled: CompiledCatalogue, model: TrainedModel
) -> None:
    assert classify("mes apl", catalogue=compiled).model_version.startswith(model.version + "+")


def test_a_model_written_and_read_again_is_the_same(model: TrainedModel) -> None:
    again = read_model(write_model(model))
    assert again.version == model.version
    assert np.array_equal(again.weights, model.weights)


def test_until_a_better_model_is_there_the_installed_one_is_used(
    model: TrainedModel, tmp_path: Path
) -> None:
    better = tmp_path / "model.npz"
    installed = load_model(better)
    assert installed is not None
    assert installed.version == model.version
    other = replace(model, bias=model.bias + 1)
    better.write_bytes(write_model(other))
    found = load_model(better)
    assert found is not None
    assert found.version == read_model(write_model(other)).version != model.version


def test_a_file_that_is_no_model_is_refused_and_says_why(model: TrainedModel) -> None:
    with pytest.raises(UnusableModel, match=r"no \.npz file"):
        read_model(b"not a model")
    lacking = io.BytesIO()
    np.savez(lacking, idf=model.idf)
    with pytest.raises(UnusableModel, match="lacks bias"):
        read_model(lacking.getvalue())
    other = io.BytesIO()
    arrays = {"idf": model.idf, "weights": model.weights[:4], "bias": model.bias}
    whole = {field.name: getattr(model, field.name) for field in fields(model)}
    del whole["version"]
    np.savez(other, labels=np.array(LABELS), **whole | arrays)
    with pytest.raises(UnusableModel, match="other labels or another size"):
        read_model(other.getvalue())


@given(form=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
@settings(deadline=None)
def test_every_word_has_ngrams_and_the_same_each_time(form: str) -> None:
    places = ngrams_within(form)
    assert places
    assert all(0 <= place < SIZE for place in places)
    assert ngrams_within(form) == places


def test_clauses_are_the_parts_that_may_each_say_a_need() -> None:
    said = ["mes", "apl", "sont", "bloquees", "et", "ma", "carte", "vitale", "est", "perdue"]
    assert clauses_of(said) == [(0, 4), (5, 10)]
    assert clauses_of(["bonjour", ",", "mes", "apl"]) == [(0, 4)]


def test_what_one_clause_says_is_not_thinned_by_the_others(model: TrainedModel) -> None:
    alone = ["ma", "carte", "vitale", "est", "perdue"]
    both = [*alone, ",", "et", "le", "chauffage", "de", "mon", "logement"]
    whole, most = model.scores([both, alone], finds=[[], []])
    cpam = LABELS.index("cpam")
    assert most[0, cpam] > whole[0, cpam]
    assert most[0, cpam] == pytest.approx(whole[1, cpam], abs=1e-4)


def test_what_the_catalogue_finds_is_weighed_with_the_clause_it_stands_in(
    compiled: CompiledCatalogue, model: TrainedModel
) -> None:
    lexical, reading = classify_lexically("apl bloquées", catalogue=compiled)
    forms = [word.form for word in reading.words]
    finds = finds_of(lexical, reading)
    assert finds
    assert all(0 <= find.first <= find.last < len(forms) for find in finds)
    alone, most = model.scores([forms, forms], finds=[[], finds])
    assert alone[1, LABELS.index("caf")] > alone[0, LABELS.index("caf")]
    assert np.allclose(most[1], alone[1])


def test_the_model_card_is_that_of_the_model(model: TrainedModel) -> None:
    card = Path(__file__).parents[3] / "docs" / "model-card.md"
    assert f"`{model.version}`" in card.read_text("utf-8"), "run `make model`"
