"""The body of `aiguillage classify --jsonl`: one line out for each line in, whatever comes in."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from services.router.catalogue.entries import Catalogue
from services.router.classification.classify import AT_ONCE, classify_all
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.classification.result import Classification
from services.router.routing_rules import Consent, HumanChoices, Plan, agencies_of, plan_referrals

_CONCERNED = Consent("concerned")  # a line says nothing of consent: what would be concerned
_LONGEST_TEXT = 5_000
_OPTIONAL = ("channel", "language", "postcode")


class BadLineError(ValueError):
    """A line that cannot be classified; the message says why, without its text."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A line that can be classified."""

    id: str | int
    text: str
    postcode: str | None


def classify_lines(
    lines: Iterable[str], *, catalogue: Catalogue, compiled: CompiledCatalogue
) -> Iterator[str]:
    """JSON lines without a final newline, in the order of `lines`; a bad one gives `error`.

    So many lines are read at a time as are classified at once.
    """
    unread = iter(lines)
    while some := list(islice(unread, AT_ONCE)):
        for answer in _answers(some, catalogue=catalogue, compiled=compiled):
            yield json.dumps(answer, ensure_ascii=True)


def _answers(
    lines: Sequence[str], *, catalogue: Catalogue, compiled: CompiledCatalogue
) -> Iterator[dict[str, Any]]:
    asked = [_asked(line) for line in lines]
    texts = [line.text for line in asked if isinstance(line, _Asked)]
    found = iter(classify_all(texts, catalogue=compiled))
    known = frozenset(compiled.partner_ids)
    for line in asked:
        if not isinstance(line, _Asked):
            yield line
            continue
        read = next(found)
        plan = plan_referrals(
            read,
            consent=_CONCERNED,
            choices=HumanChoices(),
            postcode=line.postcode,
            known_partners=known,
        )
        yield {"id": line.id, **_described(read, plan, catalogue)}


def _asked(line: str) -> _Asked | dict[str, Any]:
    """What a line asks; for a bad one its answer."""
    try:
        asked = _parsed(line)
    except BadLineError as error:
        return {"error": str(error)}
    try:
        text = _checked_text(asked)
    except BadLineError as error:
        return {"id": _readable(asked.get("id")), "error": str(error)}
    return _Asked(asked["id"], text, asked.get("postcode"))


def _described(read: Classification, plan: Plan, catalogue: Catalogue) -> dict[str, Any]:
    return {
        "agencies": agencies_of(plan),
        "decision": plan.decision,
        "urgent": plan.urgent,
        "danger": plan.danger,
        "confidence": read.confidence,
        "needs": [
            {
                "demarche": need.demarche_id,
                "partner": need.partner_id,
                "because": [list(span) for span in need.spans],
            }
            for need in plan.needs
        ],
        "bodies": [
            {
                "id": body.id,
                "name": body.name or catalogue.bodies[body.id].name,
                "how_to_reach": catalogue.bodies[body.id].how_to_reach,
                "because": [list(span) for span in body.spans],
            }
            for body in plan.bodies
        ],
    }


def _parsed(line: str) -> dict[str, Any]:
    if not line.strip():
        raise BadLineError("empty line")
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError):
        raise BadLineError("not JSON") from None
    if not isinstance(asked, dict):
        raise BadLineError("not a JSON object")
    return asked


def _checked_text(asked: dict[str, Any]) -> str:
    if not isinstance(asked.get("id"), str | int) or isinstance(asked.get("id"), bool):
        raise BadLineError("id: a string or an integer is required")
    text = asked.get("text")
    if not isinstance(text, str):
        raise BadLineError("text: a string is required")
    if len(text) > _LONGEST_TEXT:
        raise BadLineError(f"text: longer than {_LONGEST_TEXT} characters")
    if not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadLineError("text: a lone surrogate is not text")
    for name in _OPTIONAL:
        if not isinstance(asked.get(name), str | None):
            raise BadLineError(f"{name}: a string is required")
    return text


def _readable(line_id: object) -> str | int | None:
    return line_id if isinstance(line_id, str | int) else None
