"""Somebody of operations, who decides what only a person can: whether an agency has a mail."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp

from tests.end_to_end.agencies import Agencies
from tests.end_to_end.counter import Door
from tests.end_to_end.running_system import System

ASKS_A_PERSON = "sncf"
"""The agency whose file says `after_unknown = "uncertain"`."""
LOOKS_EVERY = 1.0
WAITS = timedelta(seconds=3)
"""For an answer of the agency that settles it without anybody."""


@asynccontextmanager
async def person_on_duty(
    system: System, http: aiohttp.ClientSession, agencies: Agencies
) -> AsyncIterator[None]:
    """At work inside, whatever is down meanwhile."""
    task = asyncio.create_task(_work(system, http, agencies))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _work(system: System, http: aiohttp.ClientSession, agencies: Agencies) -> None:
    intake = Door(http, system.intake, system.tokens["supervision"])
    while True:
        await asyncio.sleep(LOOKS_EVERY)
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, KeyError):
            session = await intake.post("/api/v1/sessions")
            door = Door(http, system.partner_adapters, session.content["token"])
            await _decide_what_waits(door, agencies)


async def _decide_what_waits(door: Door, agencies: Agencies) -> None:
    page = await door.get(f"/api/v1/deliveries?partner={ASKS_A_PERSON}&state=uncertain")
    for delivery in page.content["deliveries"]:
        if datetime.fromisoformat(delivery["since"]) + WAITS > datetime.now(UTC):
            continue
        found = await agencies.received(ASKS_A_PERSON, referral_id=delivery["referral_id"])
        await door.post(
            f"/api/v1/deliveries/{delivery['delivery_id']}/decision",
            {"was_received": bool(found)},
        )
