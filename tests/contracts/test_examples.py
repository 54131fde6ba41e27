"""Messages that were once valid stay readable: examples are only ever added."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.cloudevents import CloudEvent, MalformedEvent, from_message, to_headers
from shared.contracts.events import EVENTS

FOLDER = Path(__file__).parent / "examples"
EXAMPLES = sorted(FOLDER.glob("*.json"))


def read(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    example = json.loads(path.read_text(encoding="utf-8"))
    return example["headers"], example["value"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_still_parses_and_says_the_same(path: Path) -> None:
    headers, value = read(path)
    event = from_message(headers, json.dumps(value).encode())
    said_again = json.loads(event.data.model_dump_json())
    assert {name: said_again[name] for name in value} == value
    assert to_headers(event) == headers


def test_every_event_type_has_an_example() -> None:
    assert {read(path)[0]["ce_type"] for path in EXAMPLES} == set(EVENTS)


def test_examples_are_never_changed_or_taken_away() -> None:
    sums = dict(
        reversed(line.split("  "))
        for line in (FOLDER / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    )
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in EXAMPLES}
    assert found == sums


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_field_we_do_not_know_yet_is_no_reason_to_refuse(path: Path) -> None:
    headers, value = read(path)
    event = from_message(headers, json.dumps({**value, "added_later": 1}).encode())
    assert isinstance(event, CloudEvent)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("ce_specversion", "0.3"),
        ("ce_id", "not-a-uuid"),
        ("ce_type", "request.submitted.v99"),
        ("ce_time", "yesterday"),
        ("ce_time", "2026-11-23T09:30:12"),
        ("ce_subject", "another-case"),
    ],
)
def test_a_wrong_header_is_named(header: str, value: str) -> None:
    headers, data = read(FOLDER / "request.submitted.v1.1.json")
    expected = "event type" if header == "ce_type" else header
    with pytest.raises(MalformedEvent, match=expected):
        from_message({**headers, header: value}, json.dumps(data).encode())


def test_a_malformed_event_is_described_without_its_content() -> None:
    headers, data = read(FOLDER / "request.submitted.v1.1.json")
    with pytest.raises(MalformedEvent) as raised:
        from_message(headers, json.dumps({**data, "channel": "Mme Durand, 3 rue"}).encode())
    assert "channel" in str(raised.value)
    assert "Durand" not in str(raised.value)
