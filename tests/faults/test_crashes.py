"""Crashes in the middle of the work: every 202 is kept, delivered once, and shown once."""

import asyncio
import secrets
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Sequence
from itertools import combinations, cycle, islice

import aiohttp
import pytest

from tests.end_to_end.agencies import ALL, Agencies
from tests.end_to_end.counter import (
    Answer,
    Case,
    Counter,
    Door,
    Receipt,
    receipt_of,
    repeated_lines,
    request_form,
    told,
)
from tests.end_to_end.running_system import System

REQUESTS = 200
AT_ONCE = 8
pytestmark = pytest.mark.usefixtures("on_duty")

DESTINATIONS = list(islice(cycle([*combinations(ALL, 2), *[(each,) for each in ALL]]), REQUESTS))
MEANWHILE = 20
"""Requests while a server is away."""
LONG = 120.0


async def insist(counter: Counter, text: str, *, to: Sequence[str]) -> Receipt:
    """Submit as a station does: the same key again until there is a 202."""
    key = secrets.token_hex(16)
    async with asyncio.timeout(LONG):
        while True:
            answer = await try_once(counter, text, to=to, key=key)
            if answer is not None and answer.status == 202:
                return receipt_of(answer)
            # 503: its database is away; 409: the first try is still in flight.
            assert answer is None or answer.status in {409, 503}, answer
            await asyncio.sleep(0.2)


async def try_once(counter: Counter, text: str, *, to: Sequence[str], key: str) -> Answer | None:
    """One try; None when the door was not there or broke off."""
    try:
        return await counter.door.post("/api/v1/requests", request_form(text, to=to), key=key)
    except (aiohttp.ClientError, TimeoutError):
        return None


async def submit_all(
    counter: Counter,
    destinations: Sequence[Sequence[str]],
    *,
    halfway: Callable[[], Awaitable[None]],
) -> list[Receipt]:
    """All requests, `AT_ONCE` at a time; `halfway` happens while they come in."""
    places = asyncio.Semaphore(AT_ONCE)
    done = 0

    async def one(number: int, to: Sequence[str]) -> Receipt:
        nonlocal done
        async with places:
            receipt = await insist(counter, f"Demande {number}", to=to)
        done += 1
        if done == len(destinations) // 2:
            await halfway()
        return receipt

    return await asyncio.gather(*(one(n, to) for n, to in enumerate(destinations)))


async def until_closed(counter: Counter, receipts: Sequence[Receipt]) -> list[Case]:
    """All these cases, each once its agencies have finished."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(receipt: Receipt) -> Case:
        async with places:
            return await counter.until(receipt.case_id, lambda case: case["status"] == "closed")

    return await asyncio.gather(*map(one, receipts))


async def check_nothing_lost_nothing_twice(
    counter: Counter,
    agencies: Agencies,
    receipts: Sequence[Receipt],
    destinations: Sequence[Sequence[str]],
) -> None:
    assert len({receipt.case_id for receipt in receipts}) == len(receipts)
    assert len({receipt.reference for receipt in receipts}) == len(receipts)
    cases = await until_closed(counter, receipts)
    issued: dict[str, list[str]] = {partner_id: [] for partner_id in ALL}
    for case, to in zip(cases, destinations, strict=True):
        assert sorted(r["partner_id"] for r in case["referrals"]) == sorted(to)
        assert len(told(case, "case.routed")) == 1
        assert repeated_lines(case) == []
        for referral in case["referrals"]:
            partner_id = referral["partner_id"]
            issued[partner_id].append(referral["referral_id"])
            assert len(told(case, "referral.delivered", partner_id)) == 1
            assert Tally(
                line["facts"]["status"]
                for line in told(case, "referral.status_changed", partner_id)
            ) == {"acknowledged": 1, "in_progress": 1, "resolved": 1}
    references = {receipt.reference for receipt in receipts}
    for partner_id, referral_ids in issued.items():
        entries = await agencies.received(partner_id)
        ours = [each for each in entries if each["body"]["case_reference"] in references]
        assert Tally({each["referral_id"]: each["times"] for each in ours}) == Tally(
            referral_ids
        ), partner_id


async def until_ready(counter: Counter, url: str) -> None:
    door = Door(counter.door.http, url)
    async with asyncio.timeout(LONG):
        while True:
            try:
                if (await door.get("/readyz")).status == 200:
                    return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.2)


async def until_missing(counter: Counter, url: str, what: str) -> None:
    """Until /readyz says that something is missing."""
    door = Door(counter.door.http, url)
    async with asyncio.timeout(LONG):
        while (answer := await door.get("/readyz")).status == 200:
            await asyncio.sleep(0.2)
    assert what in str(answer.content)


@pytest.mark.parametrize("service", ["intake", "router", "partner_adapters"])
async def test_a_service_killed_amid_200_requests_loses_nothing_and_repeats_nothing(
    system: System, counter: Counter, agencies: Agencies, service: str
) -> None:
    receipts = await submit_all(counter, DESTINATIONS, halfway=lambda: system.kill(service))
    await until_ready(counter, system.addresses[service])
    await check_nothing_lost_nothing_twice(counter, agencies, receipts, DESTINATIONS)


async def test_all_three_services_killed_one_after_the_other_lose_nothing(
    system: System, counter: Counter, agencies: Agencies
) -> None:
    async def kill_all() -> None:
        for service in ("partner_adapters", "router", "intake"):
            await system.kill(service)
            await asyncio.sleep(0.3)

    destinations = DESTINATIONS[:60]
    receipts = await submit_all(counter, destinations, halfway=kill_all)
    await until_ready(counter, system.intake)
    await check_nothing_lost_nothing_twice(counter, agencies, receipts, destinations)


async def test_a_call_whose_caller_was_killed_is_looked_up_and_not_repeated(
    system: System, counter: Counter, agencies: Agencies, operations: Door
) -> None:
    """edf files a second time whatever is posted a second time, and answers after we are dead."""
    to = [("edf",)] * 6
    await agencies.behave(["edf"], statuses=False)  # a status would prove the delivery
    async with agencies.broken(["edf"], "slow", seconds=1.2):
        receipts = [await counter.submit("Une question", to=each) for each in to]
        async with asyncio.timeout(LONG):
            while (await operations.get("/api/v1/partners/edf")).content["sending"] < len(to):
                await asyncio.sleep(0.02)
        await system.kill("partner_adapters")
        await asyncio.sleep(2)
    await until_ready(counter, system.partner_adapters)
    for receipt in receipts:
        await counter.until_delivered(receipt.case_id)
    await agencies.behave(["edf"], statuses=True)
    await check_nothing_lost_nothing_twice(counter, agencies, receipts, to)


@pytest.mark.parametrize("how", ["crashed", "frozen"])
async def test_without_kafka_requests_are_accepted_and_caught_up(
    system: System, counter: Counter, agencies: Agencies, how: str
) -> None:
    down, up = {
        "crashed": (system.stop_server, system.start_server),
        "frozen": (system.freeze_server, system.thaw_server),
    }[how]
    before = await insist(counter, "Avant la panne", to=["edf", "caf"])
    await down("kafka")
    try:
        destinations = DESTINATIONS[:MEANWHILE]
        receipts = [await counter.submit("Pendant la panne", to=to) for to in destinations]
        case = await counter.show(receipts[0].case_id)
        assert case["status"] == "received"  # kept, and going nowhere yet
        await until_missing(counter, system.intake, "kafka")
    finally:
        await up("kafka")
    after = await insist(counter, "Après la panne", to=["casvp", "mairie"])
    await check_nothing_lost_nothing_twice(
        counter,
        agencies,
        [before, *receipts, after],
        [("edf", "caf"), *destinations, ("casvp", "mairie")],
    )


class Crowd:
    """Visitors who keep coming, each with a request and a key of their own, and never insist."""

    def __init__(self, counter: Counter, *, to: Sequence[str]) -> None:
        self._counter = counter
        self._to = to
        self.accepted: list[Receipt] = []
        self.refused: list[Answer] = []

    async def come(self) -> None:
        """For ever."""
        while True:
            answer = await try_once(
                self._counter, "Pendant la panne", to=self._to, key=secrets.token_hex(16)
            )
            if answer is not None and answer.status == 202:
                self.accepted.append(receipt_of(answer))
            elif answer is not None:
                self.refused.append(answer)
            await asyncio.sleep(0.1)

    async def until_accepted(self, more: int) -> None:
        await self._until(lambda: len(self.accepted), more)

    async def until_refused(self, more: int) -> None:
        await self._until(lambda: len(self.refused), more)

    async def _until(self, count: Callable[[], int], more: int) -> None:
        enough = count() + more
        async with asyncio.timeout(LONG):
            while count() < enough:
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("how", ["crashed", "frozen"])
async def test_without_postgresql_nothing_is_accepted_falsely_and_all_recovers_by_itself(
    system: System, counter: Counter, agencies: Agencies, how: str
) -> None:
    down, up = {
        "crashed": (system.stop_server, system.start_server),
        "frozen": (system.freeze_server, system.thaw_server),
    }[how]
    to = ("edf", "casvp")
    crowd = Crowd(counter, to=to)
    coming = [asyncio.create_task(crowd.come()) for _ in range(4)]
    try:
        await crowd.until_accepted(4)
        await down("postgresql")
        await crowd.until_refused(4)
        await up("postgresql")
        await crowd.until_accepted(8)
    finally:
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)

    for answer in crowd.refused:
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Content-Type"].startswith("application/problem+json")
    await check_nothing_lost_nothing_twice(
        counter, agencies, crowd.accepted, [to] * len(crowd.accepted)
    )
    for service in ("intake", "router", "partner_adapters"):
        await until_ready(counter, system.addresses[service])
