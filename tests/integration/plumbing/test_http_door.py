"""The door over real HTTP: every refusal is a problem that helps, and nothing is echoed."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import aiohttp
import pytest
import structlog
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from shared.plumbing.access import (
    SESSION_COOKIE,
    Principal,
    SessionSigner,
    SessionVerifier,
    generate_session_keys,
)
from shared.plumbing.clock import MovableClock
from shared.plumbing.database import DatabaseUnavailable
from shared.plumbing.health import Health
from shared.plumbing.http_access import RouteWithoutRoles
from shared.plumbing.http_door import (
    FieldRefused,
    Problem,
    allow,
    build_door,
    public,
    read_idempotency_key,
    session_authenticator,
    verify_routes_declare_roles,
)
from shared.plumbing.observability import configure_logging
from shared.plumbing.tracing import current_trace

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
PRIVATE, PUBLIC = generate_session_keys()
JSON = {"Content-Type": "application/json"}


class Visitor(BaseModel):
    model_config = ConfigDict(extra="forbid")

    family_name: str
    birth_date: date | None = None

    @field_validator("family_name")
    @classmethod
    def _known(cls, value: str) -> str:
        if value == "refused":
            raise FieldRefused("Ce nom n’est pas accepté.")
        if value == "quoting":
            raise ValueError("Dupont")
        return value


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=20)]
    channel: Literal["kiosk", "agent"]
    taken_at: AwareDatetime
    visitor: Visitor
    partners: tuple[str, ...] = ()


GOOD = {
    "text": "APL",
    "channel": "kiosk",
    "taken_at": "2026-11-23T10:00:00Z",
    "visitor": {"family_name": "Lefèvre"},
}


class Rig:
    """A door on a free port of the loopback, and what its test can move."""

    def __init__(self) -> None:
        self.clock = MovableClock(NOW)
        self.signer = SessionSigner(PRIVATE)
        self.missing: Exception | None = None
        self.url = ""

    def session(self, *roles: str) -> str:
        return self.signer.issue(Principal("amina", roles), now=self.clock.now()).token

    def agent(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.session('agent')}"}

    async def probe(self) -> None:
        if self.missing:
            raise self.missing


def build(rig: Rig) -> FastAPI:
    health = Health(clock=rig.clock)
    health.add("postgresql", rig.probe)
    app = build_door(
        service="tested",
        title="Essai",
        description="Une porte",
        version="1",
        authenticate=session_authenticator(SessionVerifier(PUBLIC), clock=rig.clock),
        health=health,
        max_body=10_000,
    )
    routes = APIRouter(prefix="/api/v1")

    @routes.post("/asked/{place}", status_code=202)
    async def ask(
        place: str,
        asked: Asked,
        principal: Annotated[Principal, allow("agent", "kiosk")],
        key: Annotated[str, Depends(read_idempotency_key)],
    ) -> dict[str, str]:
        return {"place": place, "account": principal.account, "key": key, "text": asked.text}

    @routes.get("/list", dependencies=[public()])
    async def listed(limit: Annotated[int, Field(ge=1, le=200)] = 50) -> dict[str, Any]:
        return {"limit": limit, "trace": current_trace()}

    @routes.post("/raw", dependencies=[public()])
    async def raw(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @routes.get("/broken/{how}", dependencies=[public()])
    async def broken(how: str) -> None:
        if how == "database":
            raise DatabaseUnavailable("postgresql://u:hunter2@host")
        if how == "conflict":
            raise Problem(409, "Déjà fait.", code="already-done", headers={"Retry-After": "3"})
        raise ValueError("Dupont")

    app.include_router(routes)
    return app


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    config = uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="on", log_config=None)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
        if running.done():
            await running
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running


@pytest.fixture(scope="module")
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    async with serving(build(rig)) as url:
        rig.url = url
        yield rig


@pytest.fixture(scope="module")
async def http(rig: Rig) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(rig.url) as session:
        yield session


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging(service="tested")
    yield capsys
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def post(
    http: aiohttp.ClientSession, rig: Rig, body: object, **headers: str
) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = JSON | rig.agent() | {"Idempotency-Key": "k"} | headers
    async with http.post("/api/v1/asked/here", data=data, headers=sent) as answer:
        if answer.status >= 400:
            assert answer.content_type == "application/problem+json"
        return answer.status, await answer.json(content_type=None)


def fields(problem: dict[str, Any]) -> dict[str, str]:
    return {error["field"]: error["message"] for error in problem["errors"]}


async def test_a_good_request_is_let_in(http: aiohttp.ClientSession, rig: Rig) -> None:
    status, answer = await post(http, rig, GOOD)
    assert status == 202
    assert answer == {"place": "here", "account": "amina", "key": "k", "text": "APL"}


async def test_every_wrong_field_is_named_in_french_and_nothing_is_echoed(
    http: aiohttp.ClientSession, rig: Rig
) -> None:
    status, problem = await post(
        http,
        rig,
        {
            "text": "",
            "channel": "Dupont",
            "taken_at": "2026-11-23T10:00:00",
            "visitor": {"birth_date": "Dupont", "shoe_size": "Dupont"},
            "partners": ["caf", 3],
        },
    )
    assert status == 422
    assert problem["type"] == "urn:aiguillage:problem:invalid"
    assert problem["status"] == 422
    assert "Dupont" not in json.dumps(problem)
    assert fields(problem) == {
        "text": "Il faut au moins 1 caractère(s).",
        "channel": "Choisissez une de ces valeurs : 'kiosk' ou 'agent'.",
        "taken_at": "Indiquez une date et une heure, sous la forme 2026-01-31T09:30:00+01:00.",
        "visitor.family_name": "Ce champ est obligatoire.",
        "visitor.birth_date": "Indiquez une date, sous la forme 1950-01-31.",
        "visitor.shoe_size": "Ce champ n’existe pas.",
        "partners.1": "Indiquez un texte.",
    }


async def test_a_validators_own_words_are_shown_only_when_they_are_meant_to_be(
    http: aiohttp.ClientSession, rig: Rig
) -> None:
    _, refused = await post(http, rig, GOOD | {"visitor": {"family_name": "refused"}})
    assert fields(refused) == {"visitor.family_name": "Ce nom n’est pas accepté."}
    _, quoting = await post(http, rig, GOOD | {"visitor": {"family_name": "quoting"}})
    assert fields(quoting) == {"visitor.family_name": "Cette valeur n’est pas acceptée."}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"text": ', "caractère"),
        (b"{'text': 1}", "caractère 1"),
        (b"\xff\xfe{\x00}\x00", "caractère nul"),
        (b'{"text": "\xe9"}', "octet 10"),
        (b"\xff\xfe", "octet 0"),
        (b'{"text": NaN}', "NaN"),
        ('{"text": 1}'.encode("utf-16-le"), "caractère nul"),
    ],
)
async def test_what_is_not_json_is_refused_with_the_place(
    http: aiohttp.ClientSession, rig: Rig, body: bytes, says: str
) -> None:
    status, problem = await post(http, rig, body)
    assert status == 400
    assert says in problem["detail"]


@pytest.mark.parametrize("body", [b"[" * 9_000, b'{"a":' * 1_900, b"9" * 9_000])
async def test_json_made_to_exhaust_a_parser_is_a_plain_400_or_422(
    http: aiohttp.ClientSession, rig: Rig, body: bytes
) -> None:
    status, problem = await post(http, rig, body)
    assert status in (400, 422)
    assert problem["title"]


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800", "\\uDFFF"])
async def test_characters_that_cannot_be_stored_are_refused_by_field(
    http: aiohttp.ClientSession, rig: Rig, escape: str
) -> None:
    body = json.dumps(GOOD).replace("Lef\\u00e8vre", f"Lef{escape}").encode()
    status, problem = await post(http, rig, body)
    assert status == 422
    assert list(fields(problem)) == ["visitor.family_name"]


async def test_emoji_written_as_surrogate_pairs_are_let_in(
    http: aiohttp.ClientSession, rig: Rig
) -> None:
    assert b"\\ud83d\\ude00" in json.dumps({"text": "😀"}).encode()
    status, answer = await post(http, rig, GOOD | {"text": "😀"})
    assert status == 202
    assert answer["text"] == "😀"


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"text"', b"3"])
async def test_a_body_that_is_no_object_is_refused(
    http: aiohttp.ClientSession, rig: Rig, body: bytes
) -> None:
    status, problem = await post(http, rig, body)
    assert status == 422
    assert list(fields(problem)) == ["body"]


async def test_a_body_over_the_limit_is_refused_by_its_announced_length(
    http: aiohttp.ClientSession, rig: Rig
) -> None:
    status, problem = await post(http, rig, b"x" * 10_001)
    assert status == 413
    assert "10000" in problem["detail"]


async def test_a_streamed_body_is_counted_as_it_comes(
    http: aiohttp.ClientSession, rig: Rig
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 1_000

    async with http.post("/api/v1/raw", data=chunks(), headers=JSON) as answer:
        assert answer.status == 413


async def test_a_streamed_body_within_the_limit_arrives_whole(
    http: aiohttp.ClientSession, rig: Rig
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b" " * 1_000

    async with http.post("/api/v1/raw", data=chunks(), headers=JSON) as answer:
        assert await answer.json() == {"bytes": 9_000}


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "application/json; charset=latin-1", "json"]
)
async def test_a_body_of_another_kind_is_refused(
    http: aiohttp.ClientSession, rig: Rig, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    assert (await post(http, rig, GOOD, **headers))[0] == 415


async def test_a_creating_call_needs_its_key(http: aiohttp.ClientSession, rig: Rig) -> None:
    status, problem = await post(http, rig, GOOD, **{"Idempotency-Key": ""})
    assert (status, problem["type"]) == (400, "urn:aiguillage:problem:idempotency-key-missing")
    status, problem = await post(http, rig, GOOD, **{"Idempotency-Key": "k" * 201})
    assert status == 422
    assert list(fields(problem)) == ["idempotency-key"]


async def test_nobody_known_is_asked_to_identify(http: aiohttp.ClientSession, rig: Rig) -> None:
    for authorization in ("", "Bearer", "Bearer x.y.z", "Basic eDp5"):
        headers = JSON | {"Authorization": authorization, "Idempotency-Key": "k"}
        async with http.post("/api/v1/asked/here", json=GOOD, headers=headers) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_somebody_without_the_role_is_refused(http: aiohttp.ClientSession, rig: Rig) -> None:
    headers = {"Authorization": f"Bearer {rig.session('operations')}"}
    assert (await post(http, rig, GOOD, **headers))[0] == 403


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 202),
        ({"Sec-Fetch-Site": "same-origin"}, 202),
        ({"Sec-Fetch-Site": "none"}, 202),
        ({"Sec-Fetch-Site": "cross-site"}, 401),
        # Another port or sub-domain: SameSite sends it our cookie.
        ({"Sec-Fetch-Site": "same-site"}, 401),
        # Browsers of before 2023 say no more than this.
        ({"Origin": "{here}"}, 202),
        ({"Origin": "http://127.0.0.1:1"}, 401),
        ({"Origin": "null"}, 401),
    ],
)
async def test_a_cookie_is_believed_from_our_own_pages_only(
    http: aiohttp.ClientSession, rig: Rig, said: dict[str, str], status: int
) -> None:
    cookie = {"Cookie": f"{SESSION_COOKIE}={rig.session('agent')}", "Authorization": ""}
    headers = {name: value.replace("{here}", rig.url) for name, value in said.items()}
    assert (await post(http, rig, GOOD, **cookie, **headers))[0] == status


async def test_unknown_paths_and_methods_are_problems_too(
    http: aiohttp.ClientSession, rig: Rig
) -> None:
    for method, path, status in (
        ("GET", "/nowhere", 404),
        ("GET", "/api/v1/list/", 404),
        ("GET", "/api/v1/asked/%00", 404),
        ("DELETE", "/api/v1/list", 405),
        ("PROPFIND", "/api/v1/list", 405),
    ):
        async with http.request(method, path) as answer:
            assert (answer.status, answer.content_type) == (status, "application/problem+json")
            assert (await answer.json())["status"] == status


async def test_wrong_parameters_are_named(http: aiohttp.ClientSession, rig: Rig) -> None:
    async with http.get("/api/v1/list?limit=0") as answer:
        assert answer.status == 422
        assert fields(await answer.json()) == {"limit": "Il faut un nombre d’au moins 1."}
    async with http.get("/api/v1/list?name=%00") as answer:
        assert answer.status == 422
        assert list(fields(await answer.json())) == ["name"]


async def test_without_the_database_the_answer_is_to_come_back(
    http: aiohttp.ClientSession, rig: Rig
) -> None:
    async with http.get("/api/v1/broken/database") as answer:
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "hunter2" not in await answer.text()


async def test_a_problem_raised_below_is_said_as_it_is(
    http: aiohttp.ClientSession, rig: Rig
) -> None:
    async with http.get("/api/v1/broken/conflict") as answer:
        assert answer.headers["Retry-After"] == "3"
        assert await answer.json() == {
            "type": "urn:aiguillage:problem:already-done",
            "title": "Déjà fait.",
            "status": 409,
        }


async def test_an_unexpected_error_gives_an_id_that_the_log_knows_and_nothing_else(
    http: aiohttp.ClientSession, rig: Rig, logged: pytest.CaptureFixture[str]
) -> None:
    async with http.get("/api/v1/broken/Dupont") as answer:
        assert answer.status == 500
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        problem = await answer.json()
    written = logged.readouterr().err
    assert set(problem) == {"type", "title", "status", "instance"}
    (line,) = [json.loads(line) for line in written.splitlines()]
    assert line["event"] == "request_failed"
    assert problem["instance"] == f"urn:uuid:{line['error_id']}"
    assert line["exception"]["type"] == "ValueError"
    assert line["route"] == "/api/v1/broken/{how}"
    assert "Dupont" not in written


async def test_answers_carry_headers_that_protect(http: aiohttp.ClientSession, rig: Rig) -> None:
    async with http.get("/api/v1/list") as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_trace_goes_on_and_a_malformed_one_does_not(
    http: aiohttp.ClientSession, rig: Rig
) -> None:
    given = f"00-{'a' * 32}-{'b' * 16}-01"
    async with http.get("/api/v1/list", headers={"traceparent": given}) as answer:
        assert (await answer.json())["trace"]["traceparent"].startswith(f"00-{'a' * 32}-")
    async with http.get("/api/v1/list", headers={"traceparent": "Dupont"}) as answer:
        assert re.fullmatch(
            "00-[0-9a-f]{32}-[0-9a-f]{16}-00", (await answer.json())["trace"]["traceparent"]
        )


async def test_readiness_says_what_is_missing_and_since_when(
    http: aiohttp.ClientSession, rig: Rig
) -> None:
    async with http.get("/readyz") as answer:
        assert answer.status == 200
    rig.missing = ConnectionRefusedError("postgresql://u:hunter2@host")
    rig.clock.move(by=timedelta(seconds=1))
    try:
        async with http.get("/readyz") as answer:
            assert answer.status == 503
            missing = (await answer.json())["dependencies"]["postgresql"]
    finally:
        rig.missing = None
        rig.clock.move(by=timedelta(seconds=1))
    assert missing["problem"] == "ConnectionRefusedError"
    assert missing["missing_since"] > NOW.isoformat()
    async with http.get("/livez") as answer:
        assert answer.status == 200
    async with http.get("/readyz") as answer:
        assert answer.status == 200


async def test_metrics_count_by_route_template_and_never_by_path(
    http: aiohttp.ClientSession, rig: Rig
) -> None:
    async with http.get("/api/v1/broken/conflict"):
        pass
    async with http.get("/somewhere/private"):
        pass
    async with http.get("/metrics") as answer:
        text = await answer.text()
    assert re.search(
        r'aiguillage_http_requests_total\{method="GET",route="/api/v1/broken/\{how\}",'
        r'service="tested",status="409"\} [1-9]',
        text,
    )
    assert 'route="other"' in text
    assert "private" not in text


async def test_a_route_that_declares_no_role_keeps_the_door_shut() -> None:
    app = build(Rig())
    verify_routes_declare_roles(app)

    @app.get("/forgotten")
    async def forgotten() -> None: ...

    with pytest.raises(RouteWithoutRoles, match="GET /forgotten"):
        verify_routes_declare_roles(app)
    with pytest.raises(RouteWithoutRoles):
        async with app.router.lifespan_context(app):
            pass


async def test_the_published_document_describes_problems_and_who_may_come_in(
    http: aiohttp.ClientSession, rig: Rig
) -> None:
    async with http.get("/openapi.json") as answer:
        document = await answer.json()
    ask = document["paths"]["/api/v1/asked/{place}"]["post"]
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for status in ("400", "401", "403", "404", "413", "415", "422", "503"):
        assert ask["responses"][status]["content"] == {"application/problem+json": problem}
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert document["security"] == [{"bearer": []}, {"session": []}]
    assert document["paths"]["/api/v1/list"]["get"]["security"] == []
    assert "security" not in ask
    assert "/metrics" not in document["paths"]
