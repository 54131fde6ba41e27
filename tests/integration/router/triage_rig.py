"""The triage's door on a real PostgreSQL, in this process, with a clock that tests move."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp
import uvicorn

from services.router.catalogue.load import load_catalogue
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.http_pages import add_pages
from services.router.http_triage import TriageParts, add_triage_routes
from services.router.triage_answers import ItemShown
from shared.plumbing.access import Principal, SessionSigner, SessionVerifier, generate_session_keys
from shared.plumbing.health import Health
from shared.plumbing.http_door import build_door, session_authenticator
from tests.integration.router.rig import UNDO, Rig

PRIVATE_KEY, PUBLIC_KEY = generate_session_keys()
ANNE = Principal("anne", ("triage",))
BILAL = Principal("bilal", ("triage",))
CHIEF = Principal("chef-19", ("supervisor",), site_id="paris-19")
ELSEWHERE = Principal("chef-3", ("supervisor",), site_id="mairie-3")
AGENT = Principal("agent-1", ("agent",), site_id="paris-19")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    body: Any

    @property
    def fields(self) -> set[str]:
        return {error["field"] for error in self.body.get("errors", [])}


@dataclass(frozen=True)
class TriageDoor:
    """A running door and the router behind it."""

    url: str
    http: aiohttp.ClientSession
    router: Rig

    async def call(
        self,
        method: str,
        path: str,
        *,
        who: Principal | None = ANNE,
        body: Any = None,
        key: str | None = None,
    ) -> Answer:
        headers = {}
        if who is not None:
            session = SessionSigner(PRIVATE_KEY).issue(who, now=self.router.clock.now())
            headers["Authorization"] = f"Bearer {session.token}"
        if key is not None:
            headers["Idempotency-Key"] = key
        async with self.http.request(method, self.url + path, json=body, headers=headers) as answer:
            text = await answer.text()
            is_json = "json" in answer.headers.get("Content-Type", "")
            parsed = await answer.json(content_type=None) if is_json and text else text
            return Answer(answer.status, answer.headers, parsed)

    async def next(self, *, who: Principal = ANNE, skip: tuple[UUID, ...] = ()) -> UUID | None:
        """The case that is given next; None when nothing is."""
        body = {"skip": [str(case_id) for case_id in skip]}
        answer = await self.call("POST", "/api/v1/triage/next", who=who, body=body)
        if answer.status == 204:
            return None
        assert answer.status == 200, answer.body
        return ItemShown.model_validate(answer.body).case_id

    async def item(self, case_id: UUID, *, who: Principal = ANNE) -> dict[str, Any]:
        answer = await self.call("GET", f"/api/v1/triage/{case_id}", who=who)
        assert answer.status == 200, answer.body
        shown: dict[str, Any] = answer.body
        return shown

    async def listed(self, *, who: Principal = ANNE, limit: int = 50) -> list[UUID]:
        """All cases that wait, page by page."""
        found: list[UUID] = []
        after = ""
        while True:
            answer = await self.call("GET", f"/api/v1/triage?limit={limit}{after}", who=who)
            assert answer.status == 200, answer.body
            found += [UUID(item["case_id"]) for item in answer.body["items"]]
            if answer.body["cursor"] is None:
                return found
            after = f"&after={answer.body['cursor']}"

    async def decide(
        self,
        case_id: UUID,
        *partners: str,
        who: Principal = ANNE,
        body: str | None = None,
        key: str | None = None,
    ) -> Answer:
        form: dict[str, Any] = {"partners": partners}
        if body is not None:
            form["body"] = body
        return await self.call(
            "POST",
            f"/api/v1/triage/{case_id}/decision",
            who=who,
            body=form,
            key=key or secrets.token_hex(8),
        )

    async def undo(self, case_id: UUID, *, who: Principal = ANNE) -> Answer:
        return await self.call("DELETE", f"/api/v1/triage/{case_id}/decision", who=who)


@contextlib.asynccontextmanager
async def serving(router: Rig, compiled: CompiledCatalogue) -> AsyncIterator[TriageDoor]:
    """Serve the door in this process until the block ends."""
    app = build_door(
        service="router",
        title="triage",
        description="",
        version="0",
        authenticate=session_authenticator(SessionVerifier(PUBLIC_KEY), clock=router.clock),
        health=Health(clock=router.clock),
    )
    app.state.triage = TriageParts(
        catalogue=load_catalogue(),
        compiled=compiled,
        database=router.database,
        sealer=router.sealer,
        clock=router.clock,
        undo=UNDO,
    )
    add_triage_routes(app)
    add_pages(app, sign_in="http://127.0.0.1:8000/guichet")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not server.started:
                assert not task.done(), "the door did not open"
                await asyncio.sleep(0.01)
            line = aiohttp.TCPConnector(force_close=True)
            async with aiohttp.ClientSession(connector=line) as http:
                url = f"http://127.0.0.1:{listening.getsockname()[1]}"
                yield TriageDoor(url=url, http=http, router=router)
        finally:
            server.should_exit = True
            await task
