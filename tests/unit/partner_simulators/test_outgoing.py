"""Statuses on their way out: order, repetition, and nobody waits for somebody else's trouble."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from services.partner_simulators.outgoing import GiveUp, Outgoing, TryAgain
from services.partner_simulators.schedule import Schedule


@asynccontextmanager
async def sending(send: Callable[[dict[str, Any]], Awaitable[None]]) -> AsyncIterator[Outgoing]:
    schedule = Schedule()
    outgoing = Outgoing(
        partner_id="caf", send=send, schedule=schedule, senders=3, first_pause=0.001
    )
    running = [asyncio.ensure_future(schedule.run()), asyncio.ensure_future(outgoing.run())]
    yield outgoing
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def until_empty(outgoing: Outgoing) -> None:
    async with asyncio.timeout(20):
        while outgoing.waiting:
            await asyncio.sleep(0.001)


def status(referral_id: str, number: int) -> dict[str, Any]:
    return {"id": f"{referral_id}-{number}", "referral_id": referral_id}


async def test_each_referral_speaks_in_order_whatever_fails() -> None:
    arrived: dict[str, list[str]] = defaultdict(list)
    tries: dict[str, int] = defaultdict(int)

    async def send(message: dict[str, Any]) -> None:
        tries[message["id"]] += 1
        await asyncio.sleep(0)
        if tries[message["id"]] <= hash(message["id"]) % 3:
            raise TryAgain("503")
        arrived[message["referral_id"]].append(message["id"])

    async with sending(send) as outgoing:
        for number in range(4):
            for referral in range(20):
                outgoing.push(status(f"r{referral}", number))
        await until_empty(outgoing)
    assert arrived == {f"r{r}": [f"r{r}-{n}" for n in range(4)] for r in range(20)}
    assert outgoing.sent == 80


async def test_a_referral_in_trouble_holds_up_nobody_else() -> None:
    arrived: list[str] = []

    async def send(message: dict[str, Any]) -> None:
        if message["referral_id"] == "stuck":
            raise TryAgain("503")
        arrived.append(message["id"])

    async with sending(send) as outgoing:
        for number in range(10):
            outgoing.push(status("stuck", number))
        for number in range(50):
            outgoing.push(status(f"r{number}", 0))
        async with asyncio.timeout(20):
            while outgoing.waiting > 1:
                await asyncio.sleep(0.001)
    assert len(arrived) == 50


async def test_what_will_never_be_taken_is_dropped_and_counted() -> None:
    arrived: list[str] = []

    async def send(message: dict[str, Any]) -> None:
        if message["id"] == "r-0":
            raise GiveUp("404")
        arrived.append(message["id"])

    async with sending(send) as outgoing:
        outgoing.push(status("r", 0))
        outgoing.push(status("r", 1))
        await until_empty(outgoing)
    assert (arrived, outgoing.given_up) == (["r-1"], 1)


async def test_a_surprise_is_tried_again_and_stops_no_sender() -> None:
    tries: list[str] = []

    async def send(message: dict[str, Any]) -> None:
        tries.append(message["id"])
        if len(tries) <= 5:
            raise RuntimeError("surprise")

    async with sending(send) as outgoing:
        outgoing.push(status("r", 0))
        await until_empty(outgoing)
    assert len(tries) == 6
