"""`aiguillage show`: one case whole, by its reference or its id."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.commands import where
from services.commands.outcome import CommandFailed
from services.commands.printing import console, print_json, print_rows

if TYPE_CHECKING:
    from services.commands.door_client import DoorClient


def show(case: str, *, as_json: bool) -> None:
    """Print the case; raises `CommandFailed` when the token's site has none of that name."""
    found = asyncio.run(_find(case))
    if as_json:
        print_json(found)
        return
    out = console()
    for line in _headlines(found):
        out.print(line, markup=False)
    print_rows(
        list(_needs(found)),
        title="Needs",
        columns=["démarche", "partner", "probability", "because", "reason"],
        as_json=False,
    )
    print_rows(
        list(_referrals(found)),
        title="Referrals",
        columns=["partner", "unit", "status", "since", "their_reference", "delivery"],
        as_json=False,
    )
    print_rows(
        list(_timeline(found)),
        title="Timeline",
        columns=["at", "what", "partner", "facts", "words"],
        as_json=False,
    )


def same_reference(one: str, other: str) -> bool:
    """Tell whether two references are the same, as people type them."""
    return _bare(one) == _bare(other)


def _bare(reference: str) -> str:
    return "".join(reference.split()).replace("-", "").upper()


async def _find(case: str) -> dict[str, Any]:
    from services.commands.door_client import DoorClient, DoorRefused, http_session

    async with http_session() as http:
        intake = DoorClient(http, url=where.intake_url(), token=where.client_token())
        case_id = _as_id(case) or await _id_of(case, intake)
        if case_id is not None:
            try:
                found: dict[str, Any] = await intake.get(f"/api/v1/cases/{case_id}")
                return found
            except DoorRefused as refused:
                if refused.status != 404:
                    raise
    raise CommandFailed(
        f"There is no case {case} at the token's site.",
        hint="A token sees the cases of its own site only: AIGUILLAGE_TOKEN takes another one.",
    )


async def _id_of(reference: str, intake: "DoorClient") -> str | None:
    async for case in intake.list_cases():
        if same_reference(case["reference"], reference):
            return str(case["case_id"])
    return None


def _as_id(case: str) -> str | None:
    try:
        return str(UUID(case))
    except ValueError:
        return None


def _headlines(case: Mapping[str, Any]) -> Iterable[str]:
    yield f"{case['reference']}  {case['status']}  ({case['case_id']})"
    yield f"{case['channel']} at {case['site_id']}, received {_readable(case['received_at'])}"
    yield f"« {case['text']} »"
    if decision := case["decision"]:
        marks = [word for word in ("urgent", "danger") if decision.get(word)]
        yield f"decision: {decision.get('kind')} by {decision.get('decided_by')} {' '.join(marks)}"
    for body in case["bodies"]:
        yield f"competent: {body['name']}: {body['how_to_reach']}"


def _needs(case: Mapping[str, Any]) -> Iterable[dict[str, object]]:
    for need in case["needs"]:
        yield {
            "démarche": need["title"],
            "partner": need["partner_id"],
            "probability": f"{need['probability']:.2f}",
            "because": [f"« {case['text'][start:end]} »" for start, end in need["spans"]],
            "reason": need["reason"],
        }


def _referrals(case: Mapping[str, Any]) -> Iterable[dict[str, object]]:
    for referral in case["referrals"]:
        delivery = referral["delivery"] or {}
        yield {
            "partner": referral["partner_name"] or referral["partner_id"],
            "unit": referral["unit_id"],
            "status": referral["refusal_reason"] or referral["status"],
            "since": _readable(referral["status_at"]),
            "their_reference": referral["partner_reference"],
            "delivery": " ".join(
                str(delivery[name]) for name in ("state", "reason") if delivery.get(name)
            ),
        }


def _timeline(case: Mapping[str, Any]) -> Iterable[dict[str, object]]:
    for line in case["timeline"]:
        yield {
            "at": _readable(line["at"]),
            "what": line["kind"],
            "partner": line["partner_id"],
            "facts": line["facts"].get("status") or line["facts"].get("reason"),
            "words": (line["words"] or {}).get("text"),
        }


def _readable(instant: str | None) -> str | None:
    """UTC to the second."""
    return instant[:19].replace("T", " ") if instant else None
