"""Intake as its visitors see it: a real door on a free port, on a real PostgreSQL."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import uvicorn
from pydantic import SecretStr

from services.intake.http_answers import CaseShown, RequestAccepted, SessionGiven
from services.intake.main import build_app
from services.intake.provision import ClientPlan, PersonPlan, Plan, SitePlan, StationPlan, provision
from services.intake.settings import Settings
from shared.plumbing.access import generate_session_keys, new_token
from shared.plumbing.clock import MovableClock
from shared.plumbing.database import Database
from shared.plumbing.passwords import Passwords
from shared.plumbing.sealing import KeyRing, Sealer

MORNING = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PASSWORD = "une phrase de passe"
PRIVATE_KEY, PUBLIC_KEY = generate_session_keys()
KEY_RING = KeyRing.generate_text()
NOWHERE = "127.0.0.1:1"
"""Where no Kafka answers."""

PLAN = Plan(
    sites=[
        SitePlan(site_id="pimms-19", name="PIMMS Paris 19e", kind="house"),
        SitePlan(site_id="mairie-3", name="Mairie du 3e", kind="town_hall"),
    ],
    stations=[
        StationPlan(
            station_id="borne-1",
            site_id="pimms-19",
            name="Borne de l’entrée",
            role="kiosk",
            token=new_token(),
        ),
    ],
    clients=[
        ClientPlan(account="client-19", roles=("api",), site_id="pimms-19", token=new_token()),
        ClientPlan(account="client-3", roles=("api",), site_id="mairie-3", token=new_token()),
        ClientPlan(account="veille", roles=("operations",), token=new_token()),
    ],
    people=[
        PersonPlan(account="amina", roles=("agent",), site_id="pimms-19", password=PASSWORD),
    ],
)
TOKENS = {
    **{station.station_id: station.token or "" for station in PLAN.stations},
    **{client.account: client.token or "" for client in PLAN.clients},
}


def settings_for(database_url: str, *, kafka: str = NOWHERE) -> Settings:
    return Settings(
        database_url=SecretStr(database_url),
        kafka=kafka,
        key_ring=SecretStr(KEY_RING),
        session_public_key=PUBLIC_KEY,
        session_private_key=SecretStr(PRIVATE_KEY),
    )


def a_request(**changes: Any) -> dict[str, Any]:
    return {
        "text": "On m'a coupé l'électricité et je n'ai plus d'APL",
        "channel": "api",
        "site_id": "pimms-19",
        "visitor": {"family_name": "Zywanowska", "phone": "06 98 76 54 32"},
        "consent": {"text_version": "2026-01", "given_by": "visitor", "scope": "concerned"},
    } | changes


@dataclass
class Answer:
    status: int
    headers: Any
    json: Any

    @property
    def fields(self) -> set[str]:
        """The fields a problem names."""
        return {error["field"] for error in self.json.get("errors", [])}


@dataclass
class Door:
    """One running intake; `who` is an account whose token is sent."""

    url: str
    database: Database
    http: aiohttp.ClientSession
    clock: MovableClock
    sealer: Sealer = field(default_factory=lambda: Sealer(KeyRing.parse(KEY_RING)))

    async def call(
        self,
        method: str,
        path: str,
        *,
        who: str | None = "client-19",
        key: str | None = None,
        body: Any = None,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        sent = dict(headers or {})
        if who is not None:
            sent["Authorization"] = f"Bearer {TOKENS.get(who, who)}"
        if key is not None:
            sent["Idempotency-Key"] = key
        if raw is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self.http.request(
            method, self.url + path, json=body, data=raw, headers=sent
        ) as answer:
            text = await answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
            parsed = await answer.json(content_type=None) if is_json else text.decode()
            return Answer(status=answer.status, headers=answer.headers, json=parsed)

    async def submit(self, *, who: str = "client-19", **changes: Any) -> dict[str, Any]:
        """Submit a good request and give the answer."""
        answer = await self.call(
            "POST", "/api/v1/requests", who=who, key=secrets.token_hex(8), body=a_request(**changes)
        )
        assert answer.status == 202, answer.json
        RequestAccepted.model_validate(answer.json)
        accepted: dict[str, Any] = answer.json
        return accepted

    async def case(self, case_id: str, *, who: str = "client-19") -> dict[str, Any]:
        answer = await self.call("GET", f"/api/v1/cases/{case_id}", who=who)
        assert answer.status == 200, answer.json
        CaseShown.model_validate(answer.json)
        case: dict[str, Any] = answer.json
        return case

    async def session_of(self, account: str) -> str:
        """Sign a person of `PLAN` in and give the session's token."""
        answer = await self.call(
            "POST", "/api/v1/sessions", who=None, body={"account": account, "password": PASSWORD}
        )
        assert answer.status == 200, answer.json
        SessionGiven.model_validate(answer.json)
        token: str = answer.json["token"]
        return token

    async def outbox(self, case_id: str) -> list[dict[str, Any]]:
        """The events of a case that wait for Kafka: `{"type", "data"}` in order."""
        rows = await self.database.fetch(
            """
            SELECT headers ->> 'ce_type' AS type, convert_from(value, 'UTF8')::jsonb AS data
            FROM intake.outbox WHERE key = $1 ORDER BY id
            """,
            case_id,
        )
        return [dict(row) for row in rows]


@contextlib.asynccontextmanager
async def serving(
    settings: Settings, *, clock: MovableClock, database: Database
) -> AsyncIterator[Door]:
    """Serve intake in this process until the block ends."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            build_app(settings, clock=clock), log_config=None, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        serving_task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not server.started:
                assert not serving_task.done(), "intake did not start"
                await asyncio.sleep(0.01)
            # A connection kept from one test to the next may be closed under its feet.
            line = aiohttp.TCPConnector(force_close=True)
            jar = aiohttp.DummyCookieJar()
            async with aiohttp.ClientSession(connector=line, cookie_jar=jar) as http:
                yield Door(url=url, database=database, http=http, clock=clock)
        finally:
            server.should_exit = True
            await serving_task


async def open_the_house(database: Database, *, clock: MovableClock) -> None:
    """Make the sites, stations, clients and people of `PLAN`."""
    await provision(PLAN, database=database, passwords=Passwords(), clock=clock)
