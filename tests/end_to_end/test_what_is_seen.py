"""What a site and a visitor see of a case, and what they do not."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer

from tests.end_to_end.agencies import Agencies
from tests.end_to_end.counter import PATIENCE, Counter, Door, referral_of
from tests.end_to_end.running_system import System

OTHER_SITE = "france-services-pantin"
NEVER_SEEN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
async def other_counter(system: System, http: aiohttp.ClientSession) -> Counter:
    """The counter of another site, where somebody signed in with a password."""
    account = {"account": "agent-pantin", "password": system.passwords["agent-pantin"]}
    session = await Door(http, system.intake).post("/api/v1/sessions", account)
    return Counter(Door(http, system.intake, session.content["token"]), site_id=OTHER_SITE)


class LiveEvents:
    """What one site's stream has said so far."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.ids: list[str] = []

    async def read(self, response: aiohttp.ClientResponse) -> None:
        async for line in response.content:
            if line.startswith(b"data: "):
                self.seen.append(json.loads(line.removeprefix(b"data: ")))
            elif line.startswith(b"id: "):
                self.ids.append(line.removeprefix(b"id: ").decode().strip())

    def about(self, case_id: str) -> list[dict[str, Any]]:
        return [event for event in self.seen if event["case_id"] == case_id]

    async def until_status(self, case_id: str, status: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while status not in [event["status"] for event in self.about(case_id)]:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def watching(door: Door, *, after: str | None = None) -> AsyncIterator[LiveEvents]:
    """The live events of a door's site, while inside."""
    events = LiveEvents()
    headers = {**door._bearer, **({"Last-Event-ID": after} if after else {})}
    timeout = aiohttp.ClientTimeout(total=None)
    async with door.http.get(
        door.url + "/api/v1/events", headers=headers, timeout=timeout
    ) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        reading = asyncio.create_task(events.read(response))
        try:
            yield events
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def test_the_live_stream_shows_my_site_s_cases_and_no_other_s(
    counter: Counter, other_counter: Counter
) -> None:
    async with watching(counter.door) as mine, watching(other_counter.door) as theirs:
        here = await counter.submit("Ma facture est trop élevée", to=["engie"])
        there = await other_counter.submit("Ma facture est trop élevée", to=["engie"])
        await mine.until_status(here.case_id, "closed")
        await theirs.until_status(there.case_id, "closed")

    assert mine.about(there.case_id) == []
    assert theirs.about(here.case_id) == []
    kinds = [event["kind"] for event in mine.about(here.case_id)]
    assert kinds[0] == "request.submitted"
    assert {"case.routed", "referral.delivered", "referral.status_changed"} <= set(kinds)
    assert len(set(mine.ids)) == len(mine.ids)


async def test_the_live_stream_goes_on_where_it_was_cut(counter: Counter) -> None:
    async with watching(counter.door) as before:
        first = await counter.submit("Ma facture est trop élevée", to=["sncf"])
        await before.until_status(first.case_id, "closed")
    missed = await counter.submit("Ma facture est trop élevée", to=["sncf"])
    await counter.until(missed.case_id, lambda case: case["status"] == "closed")
    async with watching(counter.door, after=before.ids[-1]) as after:
        await after.until_status(missed.case_id, "closed")
    assert after.about(missed.case_id)[0]["kind"] == "request.submitted"
    assert after.about(first.case_id) == []


async def test_a_case_that_is_rerouted_is_never_shown_as_closed_meanwhile(
    counter: Counter, agencies: Agencies
) -> None:
    async with (
        agencies.behaving(["engie", "edf"], statuses=False),
        watching(counter.door) as events,
    ):
        receipt = await counter.submit("Ma facture est trop élevée", to=["engie"])
        case = await counter.until_delivered(receipt.case_id)
        old = referral_of(case, "engie")["referral_id"]
        await counter.ask(receipt.case_id, "reroute", {"referral_id": old, "partners": ["edf"]})
        await counter.until(
            receipt.case_id,
            lambda case: (
                [r["partner_id"] for r in case["referrals"] if r["delivered_at"]]
                == ["engie", "edf"]
            ),
        )
    assert "closed" not in {event["status"] for event in events.about(receipt.case_id)}


async def test_the_tracking_page_s_data_needs_reference_and_secret(
    system: System, http: aiohttp.ClientSession, counter: Counter
) -> None:
    receipt = await counter.submit("Ma carte Vitale est perdue", to=["cpam"])
    await counter.until(receipt.case_id, lambda case: case["status"] == "closed")
    door = Door(http, system.intake)
    secret = {"X-Tracking-Secret": receipt.tracking_secret}
    read_aloud = receipt.reference.lower().replace("-", " ")
    for reference in (receipt.reference, read_aloud):
        answer = await door.get(f"/api/v1/track/{reference}", headers=secret)
        assert answer.status == 200
        assert answer.content["status"] == "closed"
        [referral] = answer.content["referrals"]
        assert (referral["partner_id"], referral["status"]) == ("cpam", "resolved")
        assert referral["partner_reference"].startswith("CPAM-")

    seen = json.dumps(answer.content)
    for not_theirs in ("client-pimms", "decided_by", "model_version", "probability"):
        assert not_theirs not in seen
    other = await counter.submit("Une autre question", to=["cpam"])
    for wrong in (
        {},
        {"X-Tracking-Secret": "wrong"},
        {"X-Tracking-Secret": other.tracking_secret},
    ):
        answer = await door.get(f"/api/v1/track/{receipt.reference}", headers=wrong)
        assert answer.status == 404
    assert (await door.get("/api/v1/track/2222-2222", headers=secret)).status == 404


async def test_another_site_s_case_is_not_there_at_all(
    counter: Counter, other_counter: Counter
) -> None:
    receipt = await counter.submit("Ma carte Vitale est perdue", to=["cpam"])
    case = await counter.until_delivered(receipt.case_id)
    referral_id = referral_of(case, "cpam")["referral_id"]
    for path, content in (
        ("withdrawal", None),
        ("answers", {"referral_id": referral_id, "text": "Bonjour"}),
        ("reroute", {"partners": ["caf"]}),
    ):
        known = await other_counter.ask(receipt.case_id, path, content)
        unknown = await other_counter.ask(NEVER_SEEN, path, content)
        assert known.status == unknown.status == 404
        assert known.content["title"] == unknown.content["title"]
    theirs = await other_counter.door.get(f"/api/v1/cases/{receipt.case_id}")
    assert theirs.status == 404
    page = (await other_counter.door.get("/api/v1/cases?limit=200")).content
    assert receipt.case_id not in [each["case_id"] for each in page["cases"]]
    case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")
    assert case["withdrawn_at"] is None


async def test_the_trace_of_a_request_reaches_the_agency(system: System, counter: Counter) -> None:
    """Seen on the queue agency's topic: the simulators' ledgers keep bodies only."""
    trace_id = secrets.token_hex(16)
    receipt = await counter.submit(
        "Je voudrais Paris Solidarité",
        to=["casvp"],
        headers={"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"},
    )
    case = await counter.until_delivered(receipt.case_id)
    referral_id = referral_of(case, "casvp")["referral_id"].encode()
    consumer = AIOKafkaConsumer(
        "partner-queue-casvp",
        bootstrap_servers=system.addresses["kafka"],
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        async with asyncio.timeout(PATIENCE):
            async for record in consumer:
                if record.key == referral_id:
                    break
    finally:
        await consumer.stop()
    headers = {name: value.decode() for name, value in record.headers}
    assert headers["traceparent"].split("-")[1] == trace_id
    assert b"Paris Solidarit" not in record.value  # encrypted to the agency
