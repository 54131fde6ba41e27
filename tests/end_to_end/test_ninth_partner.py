"""A ninth agency joins a running system by its two files, while the others keep flowing."""

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.end_to_end.agencies import ALL, Agencies
from tests.end_to_end.counter import (
    CLIENT,
    Counter,
    Door,
    Receipt,
    receipt_of,
    referral_of,
    repeated_lines,
    request_form,
    statuses,
)
from tests.end_to_end.running_system import PROJECT, System, system_of_its_own
from tests.integration.partner_adapters.stub_partner import stub_partner

NINTH = "domofrance"
FLOW_EVERY = 0.5
WORK = timedelta(seconds=1)
"""So that its answer to the referral is recorded before its first status comes."""


@pytest.fixture
async def own_system() -> AsyncIterator[System]:
    async with system_of_its_own() as found:
        yield found


class Ninth:
    """The agency's own system: takes referrals, and has resolved each a moment later."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self._taken_at: dict[str, datetime] = {}

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response({"statuses": self._statuses(), "cursor": len(self.taken)})
        body = await request.json()
        self.taken.append(body["referral_id"])
        self._taken_at[body["referral_id"]] = datetime.now(UTC)
        return web.json_response({"reference": f"DOM-{len(self.taken)}"}, status=201)

    def _statuses(self) -> list[dict[str, str]]:
        now = datetime.now(UTC)
        return [
            {"id": f"done {each}", "referral_id": each, "status": "resolved", "at": now.isoformat()}
            for each in self.taken
            if now - self._taken_at[each] > WORK
        ]


async def aiguillage(system: System, *arguments: str) -> None:
    """One command, as an operator gives it."""
    environment = {
        **os.environ,
        "AIGUILLAGE_KAFKA": system.addresses["kafka"],
        "AIGUILLAGE_PARTNERS_FOLDER": str(system.folder / "partners"),
        "AIGUILLAGE_CATALOGUE_FOLDER": str(system.folder / "catalogue"),
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "services.command_line", *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def fill_in(file: Path, *, address: str) -> None:
    """What an operator writes into the new partner's file; secrets that are there already."""
    text = file.read_text("utf-8")
    for old, new in [
        (f"https://{NINTH}.invalid", address),
        (f"{NINTH.upper()}_API_KEY", "EDF_API_KEY"),
        (
            f'way = "callback"\nsecret = "{NINTH.upper()}_CALLBACK_SECRET"',
            'way = "polling"\nevery_seconds = 0.3',
        ),
    ]:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, "utf-8")


@asynccontextmanager
async def flowing(counter: Counter) -> AsyncIterator[list[tuple[str, Receipt]]]:
    """Requests to the agencies that were there, one after the other, until the block ends."""
    sent: list[tuple[str, Receipt]] = []

    async def flow() -> None:
        for partner_id in cycle(ALL):
            receipt = await counter.submit("Une question sur mon dossier", to=[partner_id])
            sent.append((partner_id, receipt))
            await asyncio.sleep(FLOW_EVERY)

    task = asyncio.create_task(flow())
    try:
        yield sent
        assert not task.done(), "the flow broke off"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def restart(http: aiohttp.ClientSession, system: System, service: str) -> None:
    """Once it is ready again, another process serves."""
    door = f"{system.addresses[service]}/readyz"
    await system.end(service)
    gone = False
    async with asyncio.timeout(90):
        while True:
            try:
                async with http.get(door) as answer:
                    if gone and answer.status == 200:
                        return
            except aiohttp.ClientError:
                gone = True
            await asyncio.sleep(0.1)


async def submit_once_known(counter: Counter, partner_id: str) -> Receipt:
    """To an agency that the site is about to know."""
    form = request_form("Ma facture de charges est fausse", to=[partner_id])
    async with asyncio.timeout(60):
        while True:
            key = secrets.token_hex(16)
            answer = await counter.door.post("/api/v1/requests", form, key=key)
            if answer.status == 202:
                return receipt_of(answer)
            assert answer.status == 422, answer
            await asyncio.sleep(0.2)


async def test_a_ninth_agency_joins_while_the_others_keep_flowing(
    own_system: System, http: aiohttp.ClientSession
) -> None:
    ninth = Ninth()
    counter = Counter(Door(http, own_system.intake, own_system.tokens[CLIENT]))
    agencies = Agencies(http, own_system.simulators)
    async with stub_partner(ninth.answer) as stub, flowing(counter) as sent:
        await aiguillage(own_system, "partners", "add", NINTH, "--kind", "rest")
        fill_in(own_system.folder / "partners" / f"{NINTH}.toml", address=stub.address)
        await aiguillage(own_system, "partners", "check")
        await aiguillage(own_system, "topics", "create")
        for service in ("partner_adapters", "router"):
            await restart(http, own_system, service)

        chosen = await submit_once_known(counter, NINTH)
        case = await counter.until(chosen.case_id, lambda case: case["status"] == "closed")
        assert statuses(case) == {NINTH: "resolved"}
        assert referral_of(case, NINTH)["partner_reference"] == "DOM-1"

        named = await counter.submit("J’ai une question pour Domofrance")
        case = await counter.until(named.case_id, lambda case: bool(case["needs"]))
        assert NINTH in {need["partner_id"] for need in case["needs"]}
        before = len(sent)
        await asyncio.sleep(5 * FLOW_EVERY)
        assert len(sent) > before

        for partner_id, receipt in list(sent):
            case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")
            referral_id = referral_of(case, partner_id)["referral_id"]
            [entry] = await agencies.received(partner_id, referral_id=referral_id)
            assert entry["times"] == 1
            assert repeated_lines(case) == []
    assert len(ninth.taken) == len(set(ninth.taken))
