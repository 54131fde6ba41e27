"""The labelled texts of this folder. Their labels follow the routing policy in the model card."""

import json
from dataclasses import dataclass
from importlib import resources
from string import ascii_lowercase

_PARTS = (*ascii_lowercase, *(f"a{letter}" for letter in "abcdefghijklmnopqrst"))
TRAINING = tuple(f"training_texts_{part}.jsonl" for part in _PARTS)
DEVELOPMENT = tuple(f"development_texts{part}.jsonl" for part in ("", "_b", "_c", "_d"))
TEST = "test_texts.jsonl"


@dataclass(frozen=True, slots=True)
class VisitorText:
    """One text as a visitor might say it, with what a person made of it."""

    id: str
    text: str
    agencies: frozenset[str]
    urgent: bool
    danger: str | None
    kind: str
    """single, several, vague, distractor, noisy, foreign, out_of_scope, urgent or mixed"""
    language: str
    postcode: str | None


def read_texts(*names: str) -> list[VisitorText]:
    """The texts of these files, in their order."""
    folder = resources.files("services.router.training")
    return [
        _text(json.loads(line))
        for name in names
        for line in (folder / name).read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]


def _text(row: dict[str, object]) -> VisitorText:
    agencies = row["agencies"]
    assert isinstance(agencies, list)  # noqa: S101 - our own file
    postcode = row.get("postcode")
    danger = row.get("danger")
    return VisitorText(
        id=str(row["id"]),
        text=str(row["text"]),
        agencies=frozenset(str(agency) for agency in agencies),
        urgent=bool(row["urgent"]),
        danger=str(danger) if danger else None,
        kind=str(row["kind"]),
        language=str(row.get("language") or "fr"),
        postcode=str(postcode) if postcode else None,
    )
