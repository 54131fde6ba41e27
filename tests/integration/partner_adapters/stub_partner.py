"""A partner's HTTP system on a real socket, which answers as each test tells it."""

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class StubPartner:
    """`answer` decides; `asked` is what came."""

    address: str
    answer: Handler
    asked: list[Asked] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [f"{each.method} {each.path}" for each in self.asked]


async def accept(request: web.BaseRequest) -> web.StreamResponse:
    """As a good partner does."""
    if request.path == "/oauth/token":
        return web.json_response({"access_token": "t1", "token_type": "Bearer", "expires_in": 600})
    if request.path == "/referrals":
        return web.json_response({"reference": "REF-1"}, status=201)
    return web.json_response({}, status=202)


@asynccontextmanager
async def stub_partner(answer: Handler = accept):
    stub: StubPartner

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        stub.asked.append(Asked(request.method, request.path, dict(request.headers), body))
        return await stub.answer(request)

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    stub = StubPartner(address=f"http://127.0.0.1:{port}", answer=answer)
    try:
        yield stub
    finally:
        await runner.cleanup()
