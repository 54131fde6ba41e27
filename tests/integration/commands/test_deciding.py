"""`aiguillage partners uncertain | decide`, against doors that answer as ours do."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner, Result

from services.command_line import app
from services.commands.door_client import DoorRefused
from services.commands.outcome import WrongUsage

DELIVERY = "6d0c9d6b-7a53-5c39-9a0e-1b8f0c4e5d11"
REFERRAL = "4b1a7c58-3e0e-5b1f-8f0f-6a9f4b0b7d22"


class Doors:
    """Both doors at one address; keeps what was decided."""

    def __init__(self) -> None:
        self.address = ""
        self.decided: list[dict[str, Any]] = []
        self.bearers: set[str] = set()

    async def session(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer the-token"
        return web.json_response({"token": "a-session"})

    async def deliveries(self, request: web.Request) -> web.Response:
        assert (request.query["partner"], request.query["state"]) == ("sncf", "uncertain")
        last = "after" in request.query
        row = {"delivery_id": DELIVERY if last else REFERRAL, "referral_id": REFERRAL}
        row |= {"reference": "K7M4-QX9T", "reason": "line_cut", "since": "2026-11-23T10:00:00Z"}
        return web.json_response({"deliveries": [row], "cursor": None if last else "further"})

    async def decide(self, request: web.Request) -> web.Response:
        self.bearers.add(request.headers["Authorization"])
        if self.decided:
            title = "Cet envoi n’est plus incertain."
            return web.json_response({"title": title}, status=409)
        self.decided.append(await request.json())
        action = {"at": "2026-11-23T10:05:00Z", "account": "exploitation", "action": "decided"}
        life = {"referral_id": REFERRAL, "status": "delivered", "partner_reference": "SNCF-4"}
        return web.json_response({**life, "actions": [{"action": "retried"}, action]})


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    doors = Doors()
    application = web.Application()
    application.router.add_post("/api/v1/sessions", doors.session)
    application.router.add_get("/api/v1/deliveries", doors.deliveries)
    application.router.add_post(f"/api/v1/deliveries/{DELIVERY}/decision", doors.decide)
    async with TestServer(application) as server:
        doors.address = str(server.make_url("")).rstrip("/")
        yield doors


async def command(doors: Doors, *words: str) -> Result:
    env = {
        "AIGUILLAGE_INTAKE_URL": doors.address,
        "AIGUILLAGE_PARTNER_ADAPTERS_URL": doors.address,
        "AIGUILLAGE_TOKEN": "the-token",
    }
    return await asyncio.to_thread(CliRunner().invoke, app, ["partners", *words], env=env)


async def test_all_that_is_uncertain_is_listed_with_what_to_decide_by(doors: Doors) -> None:
    result = await command(doors, "uncertain", "sncf", "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [row["delivery_id"] for row in rows] == [REFERRAL, DELIVERY]
    assert rows[0]["reason"] == "line_cut"


async def test_a_decision_says_what_the_agency_said_and_names_who_decided(doors: Doors) -> None:
    result = await command(doors, "decide", DELIVERY, "--received", "--reference", "SNCF-4")
    assert result.exit_code == 0, result.output
    assert doors.decided == [{"was_received": True, "partner_reference": "SNCF-4"}]
    assert doors.bearers == {"Bearer a-session"}
    for said in ("exploitation", "delivered", "SNCF-4"):
        assert said in result.stdout
    again = await command(doors, "decide", DELIVERY, "--not-received")
    assert isinstance(again.exception, DoorRefused)
    assert "n’est plus incertain" in str(again.exception)


@pytest.mark.parametrize(
    "words",
    [(), ("--not-received", "--reference", "SNCF-4")],
    ids=["no answer", "a reference of what it has not"],
)
async def test_nothing_is_decided_by_default_nor_against_itself(
    doors: Doors, words: tuple[str, ...]
) -> None:
    result = await command(doors, "decide", DELIVERY, *words)
    assert result.exit_code == 2 or isinstance(result.exception, WrongUsage)
    assert doors.decided == []
