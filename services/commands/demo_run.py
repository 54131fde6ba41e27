"""The demonstration's traffic: requests posted on time, cases watched until they are settled."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from services.commands.demo_requests import DemoRequest, Post, body_of
from services.commands.demo_summary import Receipt, is_settled
from services.commands.demonstration_secrets import DemonstrationSecrets
from services.commands.door_client import DoorClient, sign_in
from services.commands.outcome import CommandFailed, NotReachable
from shared.plumbing.clock import Clock

PER_SECOND = 20
LOOK_EVERY_SECONDS = 0.5
PATIENCE_SECONDS = 45.0
"""From the last request to the moment when what is not settled counts as such."""
TRIES = 5

Cases = Mapping[str, Mapping[str, Any]]
Watch = Callable[[Cases], None]


@dataclass(frozen=True)
class People:
    """A door client of each station and agent, and one reader of each site."""

    senders: Mapping[str, DoorClient]
    readers: Sequence[DoorClient]


async def let_in(
    http: aiohttp.ClientSession,
    *,
    intake_url: str,
    secrets: DemonstrationSecrets,
    posts: Mapping[str, Post],
) -> People:
    """Sign everybody in."""
    tokens = {}
    for account in posts:
        tokens[account] = secrets.tokens.get(account) or await sign_in(
            http, intake_url=intake_url, account=account, password=secrets.passwords[account]
        )
    agents = {post.site_id: account for account, post in posts.items() if post.channel == "agent"}
    doors = {
        account: DoorClient(http, url=intake_url, token=token) for account, token in tokens.items()
    }
    return People(doors, [doors[account] for account in agents.values()])


async def post_all(
    requests: Sequence[DemoRequest],
    *,
    people: People,
    posts: Mapping[str, Post],
    clock: Clock,
    heard: Callable[[DemoRequest, Receipt], None],
) -> list[Receipt]:
    """Post `PER_SECOND` a second, on the beat whatever the answers take; failures are left out.

    `heard` is told of each receipt as it comes.
    """
    started = time.monotonic()

    async def post(number: int, request: DemoRequest) -> Receipt | None:
        await asyncio.sleep(max(0.0, started + number / PER_SECOND - time.monotonic()))
        body = body_of(request, post=posts[request.by], now=clock.now())
        door = people.senders[request.by]
        key = f"demo-{number + 1}-{request.by}"
        times = 2 if request.twice else 1
        try:
            receipt = Receipt(
                tuple([(await _insist(door, body, key=key))["case_id"] for _ in range(times)])
            )
        except CommandFailed:
            return None
        heard(request, receipt)
        return receipt

    receipts = await asyncio.gather(*(post(n, request) for n, request in enumerate(requests)))
    return [receipt for receipt in receipts if receipt is not None]


async def watch_until_settled(people: People, *, wanted: int, watch: Watch) -> None:
    """Look at all cases until `wanted` of them are settled, or patience ends."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        cases = await list_all(people)
        watch(cases)
        if len(cases) >= wanted and all(map(is_settled, cases.values())):
            return
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def list_all(people: People) -> dict[str, dict[str, Any]]:
    """The cases of all sites as their lists show them, by id."""
    return {
        case["case_id"]: case for reader in people.readers async for case in reader.list_cases()
    }


async def read_all(people: People) -> list[dict[str, Any]]:
    """The cases of all sites, whole."""
    return [
        await reader.get(f"/api/v1/cases/{case['case_id']}")
        for reader in people.readers
        async for case in reader.list_cases()
    ]


async def read_ledgers(
    http: aiohttp.ClientSession, *, simulators_url: str
) -> dict[str, dict[str, Any]]:
    """What each agency says it was given."""
    control = DoorClient(http, url=simulators_url, token=None)
    partners = (await control.get("/health"))["partners"]
    return {
        partner_id: await control.get(f"/ledger/{partner_id}", query={"bodies": "no"})
        for partner_id in partners
    }


async def _insist(door: DoorClient, body: Mapping[str, Any], *, key: str) -> Any:
    """Post as a kiosk does: the same request under the same key until it is answered."""
    for last in (False,) * (TRIES - 1) + (True,):
        try:
            return await door.post("/api/v1/requests", body, idempotency_key=key)
        except NotReachable:
            if last:
                raise
            await asyncio.sleep(0.5)
    raise AssertionError("unreachable")
