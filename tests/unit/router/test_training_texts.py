"""The texts the model is trained and measured on: enough, well-formed, and truly apart."""

from collections import Counter

import pytest

from services.router.classification.trained_model import AGENCIES
from services.router.training.near_duplicates import near_duplicates
from services.router.training.texts import DEVELOPMENT, TEST, TRAINING, VisitorText, read_texts

KINDS = {
    "single",
    "several",
    "vague",
    "distractor",
    "noisy",
    "foreign",
    "out_of_scope",
    "urgent",
    "mixed",
}
DANGERS = {None, "15", "17", "18", "112", "3919", "3114", "gaz"}


@pytest.fixture(scope="module")
def sets() -> dict[str, list[VisitorText]]:
    return {
        "training": read_texts(*TRAINING),
        "development": read_texts(*DEVELOPMENT),
        "test": read_texts(TEST),
    }


def test_there_are_enough_texts_of_every_kind_and_agency(
    sets: dict[str, list[VisitorText]],
) -> None:
    assert len(sets["training"]) >= 2000
    for name in ("development", "test"):
        assert len(sets[name]) >= 400
        assert {text.kind for text in sets[name]} == KINDS
        held = Counter(agency for text in sets[name] for agency in text.agencies)
        assert min(held[agency] for agency in AGENCIES) >= 30


def test_labels_are_known_and_outside_stands_alone(sets: dict[str, list[VisitorText]]) -> None:
    for text in (text for texts in sets.values() for text in texts):
        assert text.agencies
        assert text.agencies <= set(AGENCIES)
        assert "hors_perimetre" not in text.agencies or len(text.agencies) == 1
        assert text.danger in DANGERS
        assert text.urgent or text.danger is None


def test_ids_and_texts_are_unique(sets: dict[str, list[VisitorText]]) -> None:
    everything = [text for texts in sets.values() for text in texts]
    assert len({text.id for text in everything}) == len(everything)
    assert len({text.text for text in everything}) == len(everything)


@pytest.mark.parametrize("measured", ["development", "test"])
def test_no_text_that_measures_is_nearly_one_that_trains(
    sets: dict[str, list[VisitorText]], measured: str
) -> None:
    assert near_duplicates(sets[measured], sets["training"]) == []


def test_the_test_texts_are_not_nearly_the_development_texts(
    sets: dict[str, list[VisitorText]],
) -> None:
    assert near_duplicates(sets["test"], sets["development"]) == []


def test_nearly_the_same_words_are_seen_as_such() -> None:
    def text(text_id: str, said: str) -> VisitorText:
        return VisitorText(text_id, said, frozenset({"caf"}), False, None, "single", "fr", None)

    ours = [text("a", "Bonjour, je n'ai pas reçu mes APL depuis le mois de mars")]
    theirs = [text("b", "bonjour je n’ai pas reçu mes apl depuis le mois de mars !")]
    assert [(pair.one, pair.other) for pair in near_duplicates(ours, theirs)] == [("a", "b")]
