"""People at an agency who work our portal, against a small stand-in of our two doors."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web

from services.partner_simulators.door import Door
from services.partner_simulators.settings import Settings
from tests.integration.partner_simulators.running import Agencies, eventually, simulated


@dataclass
class Portal:
    """Sign-in and inbox of one agency; keeps what was clicked, in order."""

    inbox: dict[str, dict[str, Any]] = field(default_factory=dict)
    clicks: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    sign_ins: int = 0
    answers: list[int] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        if request.path == "/api/v1/sessions":
            return self._sign_in(json.loads(await request.read()))
        if request.headers.get("Authorization", "")[7:] not in self.tokens:
            return web.json_response({}, status=401)
        match [request.method, *request.path.strip("/").split("/")[3:]]:
            case ["GET", "referrals"]:
                return self._page(request)
            case ["POST", "referrals", referral_id, "status"]:
                return self._click(referral_id, request, json.loads(await request.read()))
        return web.json_response({}, status=404)

    def put(self, **changed: Any) -> str:
        referral_id = str(uuid4())
        self.inbox[referral_id] = {
            "referral_id": referral_id,
            "status": "delivered",
            "text": "Bonjour",
            "visitor": {},
            "messages": [],
            **changed,
        }
        return referral_id

    def words(self, referral_id: str) -> list[str]:
        return [each["status"] for each in self.clicks if each["referral_id"] == referral_id]

    def _sign_in(self, credentials: dict[str, str]) -> web.Response:
        self.sign_ins += 1
        if credentials != {"account": "mairie-19", "password": "correct"}:
            return web.json_response({}, status=401)
        token = uuid4().hex
        self.tokens.add(token)
        return web.json_response({"token": token, "expires_at": "2026-11-23T10:10:00Z"})

    def _page(self, request: web.BaseRequest) -> web.Response:
        everything = [
            shown for shown in self.inbox.values() if shown["status"] not in {"resolved", "refused"}
        ]
        start = int(request.query.get("after", 0))
        following = start + 2  # small pages, whatever was asked: the cursor must be followed
        cursor = str(following) if following < len(everything) else None
        page = everything[start:following]
        return web.json_response({"referrals": page, "cursor": cursor})

    def _click(
        self, referral_id: str, request: web.BaseRequest, content: dict[str, Any]
    ) -> web.Response:
        if self.answers:
            return web.json_response({}, status=self.answers.pop(0))
        shown = self.inbox[referral_id]
        shown["status"] = content["status"]
        if content["message"]:
            shown["messages"].append({"id": uuid4().hex, "text": content["message"]})
        key = request.headers["Idempotency-Key"]
        self.clicks.append({"referral_id": referral_id, "key": key, **content})
        return web.json_response({}, status=202)


@pytest.fixture
async def portal() -> AsyncIterator[tuple[Portal, Door]]:
    portal = Portal()
    door = Door(host="127.0.0.1", port=0, answer=portal.answer)
    await door.open()
    yield portal, door
    await door.close()


@pytest.fixture
async def mairie(portal: tuple[Portal, Door]) -> AsyncIterator[Agencies]:
    settings = Settings(
        simulator_partners=("mairie",),
        simulator_base_port=0,
        simulator_pace=0.01,
        simulator_outcome="resolved",
        simulator_intake_url=portal[1].address,
        simulator_portal_url=portal[1].address,
        simulator_portal_accounts={"mairie": {"account": "mairie-19", "password": "correct"}},
    )
    async with simulated(settings) as running:
        yield running


async def test_every_referral_of_the_inbox_is_worked_to_its_end(
    portal: tuple[Portal, Door], mairie: Agencies
) -> None:
    referrals = [portal[0].put() for _ in range(5)]
    for referral_id in referrals:
        await eventually(lambda each=referral_id: "resolved" in portal[0].words(each))
        assert portal[0].words(referral_id) == ["acknowledged", "in_progress", "resolved"]
    assert portal[0].sign_ins == 1
    assert len({click["key"] for click in portal[0].clicks}) == 15
    ledger = await mairie.ledger("mairie")
    assert sorted(entry["referral_id"] for entry in ledger["entries"]) == sorted(referrals)
    assert ledger["duplicates"] == 0


async def test_people_sign_in_again_when_their_session_is_over(
    portal: tuple[Portal, Door], mairie: Agencies
) -> None:
    first = portal[0].put()
    await eventually(lambda: "resolved" in portal[0].words(first))
    portal[0].tokens.clear()
    second = portal[0].put()
    await eventually(lambda: "resolved" in portal[0].words(second))
    assert portal[0].sign_ins == 2


async def test_a_click_that_fails_is_made_again_and_the_order_holds(
    portal: tuple[Portal, Door], mairie: Agencies
) -> None:
    portal[0].answers += [503, 500]
    referral_id = portal[0].put()
    await eventually(lambda: "resolved" in portal[0].words(referral_id))
    assert portal[0].words(referral_id) == ["acknowledged", "in_progress", "resolved"]


async def test_people_come_back_when_the_portal_does(
    portal: tuple[Portal, Door], mairie: Agencies
) -> None:
    seen, door = portal
    first = seen.put()
    await eventually(lambda: "resolved" in seen.words(first))
    await door.close()
    second = seen.put()
    await door.open()
    await eventually(lambda: "resolved" in seen.words(second))


async def test_an_answer_to_the_question_moves_the_referral_on(
    portal: tuple[Portal, Door], mairie: Agencies
) -> None:
    await mairie.order("behaviour", "mairie", outcome="needs_information")
    referral_id = portal[0].put()
    await eventually(lambda: "needs_information" in portal[0].words(referral_id))
    portal[0].inbox[referral_id]["messages"].append({"id": "m-1", "text": "Le 3 mai 2019."})
    await eventually(lambda: "resolved" in portal[0].words(referral_id))
    assert portal[0].words(referral_id)[2:] == ["needs_information", "in_progress", "resolved"]


async def test_a_referral_already_in_progress_is_taken_up_where_it_stands(
    portal: tuple[Portal, Door], mairie: Agencies
) -> None:
    referral_id = portal[0].put(status="in_progress")
    await eventually(lambda: "resolved" in portal[0].words(referral_id))
    assert portal[0].words(referral_id) == ["resolved"]


async def test_nobody_works_while_the_agency_is_down(
    portal: tuple[Portal, Door], mairie: Agencies
) -> None:
    first = portal[0].put()
    await eventually(lambda: "resolved" in portal[0].words(first))
    await mairie.order("faults", "mairie", fault="down")
    second = portal[0].put()
    office = mairie.simulators["mairie"].office
    people = mairie.simulators["mairie"]
    with pytest.raises(Exception, match="nobody_at_work"):
        await people.read_inbox_once()
    assert office.find_file(second) is None
    await mairie.order("faults", "mairie", fault=None)
    await eventually(lambda: "resolved" in portal[0].words(second))
