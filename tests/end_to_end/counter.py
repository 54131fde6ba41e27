"""Somebody at a site's counter: asks for visitors, looks at cases, over HTTP only."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

SITE = "pimms-paris-19"
CLIENT = "client-pimms"
PATIENCE = 60.0
"""Seconds; a safety net, nothing is asserted of it."""
LOOK_EVERY = 0.1

Case = Mapping[str, Any]


class NeverHappened(AssertionError):
    """What a test waited for; says what was there instead."""


@dataclass(frozen=True)
class Answer:
    """What a door answered."""

    status: int
    headers: Mapping[str, str]
    content: Any


class Door:
    """One door with one bearer; raises nothing for a refusal."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str | None = None) -> None:
        self.http = http
        self.url = url
        self._bearer = {"Authorization": f"Bearer {token}"} if token else {}

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        return await self._ask("GET", path, headers=headers)

    async def post(
        self,
        path: str,
        content: object = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        keyed = {"Idempotency-Key": key} if key else {}
        body = {} if content is None else {"json": content}
        return await self._ask("POST", path, headers={**keyed, **(headers or {})}, **body)

    async def _ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None, **what: Any
    ) -> Answer:
        async with self.http.request(
            method, self.url + path, headers={**self._bearer, **(headers or {})}, **what
        ) as response:
            is_json = "json" in response.content_type
            content = await response.json() if is_json else await response.text()
            return Answer(response.status, response.headers.copy(), content)


@dataclass(frozen=True)
class Receipt:
    """What the counter keeps of a request that was accepted."""

    case_id: str
    reference: str
    tracking_secret: str


def request_form(
    text: str,
    *,
    to: Sequence[str] = (),
    visitor: Mapping[str, Any] | None = None,
    channel: str = "agent",
    site_id: str = SITE,
) -> dict[str, Any]:
    """A request; `to`: the agencies the visitor confirmed, else those the router finds."""
    return {
        "text": text,
        "channel": channel,
        "site_id": site_id,
        "visitor": {
            "given_name": "Amina",
            "family_name": "Essai",
            "birth_date": "1980-04-02",
            "postcode": "75019",
            "phone": "06 12 34 56 78",
            **(visitor or {}),
        },
        "consent": {
            "text_version": "2026-01",
            "given_by": "visitor",
            "scope": "confirmed" if to else "concerned",
        },
        "agencies": {"confirmed": list(to)},
    }


class Counter:
    """The counter of one site."""

    def __init__(self, door: Door, *, site_id: str = SITE) -> None:
        self.door = door
        self._site_id = site_id

    async def submit(
        self,
        text: str,
        *,
        to: Sequence[str] = (),
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **form: Any,
    ) -> Receipt:
        """Have a request accepted."""
        answer = await self.door.post(
            "/api/v1/requests",
            request_form(text, to=to, site_id=self._site_id, **form),
            key=key or secrets.token_hex(16),
            headers=headers,
        )
        assert answer.status == 202, answer
        return receipt_of(answer)

    async def show(self, case_id: str) -> Case:
        answer = await self.door.get(f"/api/v1/cases/{case_id}")
        assert answer.status == 200, answer
        found: Case = answer.content
        return found

    async def until(self, case_id: str, happened: Callable[[Case], bool]) -> Case:
        """The case once something is true of it; raises `NeverHappened`."""
        case: Case | None = None
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    case = await self.show(case_id)
                    if happened(case):
                        return case
                    await asyncio.sleep(LOOK_EVERY)
        except TimeoutError:
            raise NeverHappened(summary(case)) from None

    async def until_delivered(self, case_id: str) -> Case:
        """The case once every agency it was routed to has it."""
        return await self.until(case_id, is_delivered)

    async def ask(self, case_id: str, what: str, content: object = None) -> Answer:
        """Withdraw, answer, re-route."""
        return await self.door.post(
            f"/api/v1/cases/{case_id}/{what}", content, key=secrets.token_hex(16)
        )


def receipt_of(answer: Answer) -> Receipt:
    given = answer.content
    return Receipt(given["case_id"], given["reference"], given["tracking_secret"])


def is_delivered(case: Case) -> bool:
    return bool(case["referrals"]) and all(each["delivered_at"] for each in case["referrals"])


def statuses(case: Case) -> dict[str, str]:
    """The status of each agency's share, recalled ones aside."""
    return {
        each["partner_id"]: each["status"] for each in case["referrals"] if not each["recalled"]
    }


def referral_of(case: Case, partner_id: str) -> Mapping[str, Any]:
    """The share of one agency that is in force."""
    [found] = [
        each
        for each in case["referrals"]
        if each["partner_id"] == partner_id and not each["recalled"]
    ]
    return found  # type: ignore[no-any-return]


def told(case: Case, kind: str, partner_id: str | None = None) -> list[Mapping[str, Any]]:
    """The timeline's lines of one kind, of one agency if it is given."""
    return [
        line
        for line in case["timeline"]
        if line["kind"] == kind and partner_id in (None, line["partner_id"])
    ]


def steps(case: Case, partner_id: str) -> list[str]:
    """What one agency was seen to do, in order."""
    return [line["facts"]["status"] for line in told(case, "referral.status_changed", partner_id)]


def repeated_lines(case: Case) -> list[tuple[Any, ...]]:
    """What the timeline says more than once."""
    seen: set[tuple[Any, ...]] = set()
    repeated = []
    for line in case["timeline"]:
        facts = line["facts"]
        said = (
            line["kind"],
            line["referral_id"],
            facts.get("number"),
            facts.get("decision_number"),
            facts.get("status"),
        )
        if said in seen:
            repeated.append(said)
        seen.add(said)
    return repeated


def summary(case: Case | None) -> str:
    """A case for a failing test to show."""
    if case is None:
        return "never seen"
    lines = [
        f"  {line['at']} {line['kind']} {line['partner_id'] or ''} {line['facts']}"
        for line in case["timeline"]
    ]
    referrals = [
        f"  {each['partner_id']}: {each['status']} {each['delivery']}" for each in case["referrals"]
    ]
    return "\n".join([f"{case['reference']} is {case['status']}", *referrals, *lines])
