import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from services.router.catalogue.entries import Catalogue
from services.router.classification.classify import AT_ONCE
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.classify_lines import classify_lines

FIELDS = {"id", "agencies", "decision", "urgent", "danger", "confidence", "needs", "bodies"}


@pytest.fixture
def answers(catalogue: Catalogue, compiled: CompiledCatalogue) -> Any:
    def run(*lines: str) -> list[dict[str, Any]]:
        return [
            json.loads(a) for a in classify_lines(lines, catalogue=catalogue, compiled=compiled)
        ]

    return run


def test_a_line_has_exactly_the_promised_fields(answers: Any) -> None:
    text = "J'ai perdu ma carte vitale"
    (answer,) = answers(json.dumps({"id": "a1", "text": text, "channel": "kiosk"}))
    assert set(answer) == FIELDS
    assert answer["agencies"] == ["cpam"]
    assert answer["decision"] == "route"
    (need,) = answer["needs"]
    assert set(need) == {"demarche", "partner", "because"}
    assert "carte vitale" in [text[start:end] for start, end in need["because"]]


def test_an_out_of_scope_line_names_the_body_and_how_to_reach_it(answers: Any) -> None:
    (answer,) = answers('{"id": 7, "text": "mon titre de séjour expire"}')
    assert (answer["id"], answer["agencies"], answer["decision"]) == (
        7, ["hors_perimetre"], "out_of_scope",
    )  # fmt: skip
    assert [body["id"] for body in answer["bodies"]] == ["prefecture"]
    assert answer["bodies"][0]["how_to_reach"]


def test_a_vague_line_is_for_the_own_desk_and_a_human(answers: Any) -> None:
    for text in ("bonjour", "", "a", "👋👋", "besoin d'aide svp"):
        (answer,) = answers(json.dumps({"id": "v", "text": text}))
        assert (answer["agencies"], answer["decision"]) == (["accompagnement"], "triage"), text


def test_danger_is_for_a_human_with_the_number(answers: Any) -> None:
    said = {
        "mon mari me frappe devant les enfants": "3919",
        "ça sent le gaz dans la cuisine": "gaz",
        "j'ai envie de mourir": "3114",
        "mon père ne respire plus": "15",
        "il y a le feu chez ma voisine": "18",
        "un homme me menace avec un couteau": "17",
        "au secours je suis en danger": "112",
    }
    for text, number in said.items():
        (answer,) = answers(json.dumps({"id": "d", "text": text}))
        assert (answer["danger"], answer["decision"], answer["urgent"]) == (number, "triage", True)


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "",
        "   ",
        "[]",
        "null",
        '{"id": "x"}',
        '{"id": "x", "text": 3}',
        '{"id": "x", "text": null}',
        '{"id": "x", "text": "t", "postcode": 75019}',
        '{"text": "no id"}',
        '{"id": true, "text": "t"}',
        '{"id": "x", "text": "\\ud800"}',
        json.dumps({"id": "x", "text": "a" * 5001}),
        "[" * 100_000,
        '{"id": 1, "text": "t"',
    ],
)
def test_a_bad_line_gives_an_error_and_the_rest_goes_on(answers: Any, line: str) -> None:
    good = '{"id": "good", "text": "ma carte d\'identité est périmée"}'
    first, bad, last = answers(good, line, good)
    assert "error" in bad
    assert "agencies" not in bad
    if '"id": "x"' in line:
        assert bad["id"] == "x"
    assert first == last
    assert first["agencies"] == ["mairie"]


def test_answers_come_in_the_order_of_the_lines(answers: Any) -> None:
    lines = [json.dumps({"id": n, "text": "mon colis est perdu"}) for n in range(50)]
    assert [answer["id"] for answer in answers(*lines)] == list(range(50))


@pytest.mark.parametrize("size", [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE + 3])
def test_a_bad_line_keeps_its_place_wherever_the_reading_pauses(answers: Any, size: int) -> None:
    lines = [json.dumps({"id": n, "text": "mon colis est perdu"}) for n in range(size)]
    bad = {n for n in range(size) if n % 50 == 0} | {size - 1} if size else set()
    found = answers(*["{" if n in bad else line for n, line in enumerate(lines)])
    expected = [None if n in bad else n for n in range(size)]
    assert [answer.get("id") for answer in found] == expected
    assert all(("error" in answer) == (n in bad) for n, answer in enumerate(found))


def test_no_more_lines_are_held_than_are_classified_at_once(
    catalogue: Catalogue, compiled: CompiledCatalogue
) -> None:
    taken = []

    def endless() -> Iterator[str]:
        for n in count():
            taken.append(n)
            yield json.dumps({"id": n, "text": "mes apl"})

    first = next(classify_lines(endless(), catalogue=catalogue, compiled=compiled))
    assert json.loads(first)["id"] == 0
    assert len(taken) <= AT_ONCE


def test_outside_paris_the_line_answers_with_the_ccas(answers: Any) -> None:
    line = {"id": "c", "text": "je voudrais le portage de repas", "postcode": "69003"}
    (answer,) = answers(json.dumps(line))
    assert answer["agencies"] == ["hors_perimetre"]
    assert [body["id"] for body in answer["bodies"]] == ["ccas"]
