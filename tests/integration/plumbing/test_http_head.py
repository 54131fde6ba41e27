"""The head of a request, over raw connections: too long, too slow, and as it should be."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from shared.plumbing import http_head
from shared.plumbing.http_head import LONGEST_HEAD, BoundedHead

SOON = 0.2
HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n"


async def _answer(scope: Scope, _: Receive, send: Send) -> None:
    """At `/slow`, longer than a head may take."""
    if scope["path"] == "/slow":
        await asyncio.sleep(3 * SOON)
    length = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(http_head, "_HEAD_WITHIN_SECONDS", SOON)
    server = uvicorn.Server(
        uvicorn.Config(_answer, port=0, lifespan="off", log_config=None, http=BoundedHead)
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def _is_cut(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(10):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


async def test_headers_without_end_are_not_kept(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HELLO)
    with pytest.raises(ConnectionError):
        for _ in range(1000):
            writer.write(b"X-A: " + b"a" * LONGEST_HEAD + b"\r\n")
            await writer.drain()
    assert await _is_cut(reader)


@pytest.mark.parametrize("sent", [b"", HELLO, b"\r\n"])
async def test_a_head_that_does_not_end_in_time_is_cut(port: int, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    assert await _is_cut(reader)


@pytest.mark.parametrize("dribble", [b"\r\n", b"G"])
async def test_a_line_kept_open_by_a_byte_between_requests_is_cut(
    port: int, dribble: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HELLO + b"\r\n")
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    writer.write(dribble)
    assert await _is_cut(reader)


async def test_requests_as_they_should_be_are_answered_however_long_the_answer_takes(
    port: int,
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    full = b"X-A: " + b"a" * (LONGEST_HEAD - 200) + b"\r\n"
    body = b"Content-Length: 200000\r\n\r\n" + b"b" * 200_000
    for request in (
        HELLO + full + b"\r\n",
        HELLO.replace(b"/hello", b"/slow") + b"\r\n",
        HELLO.replace(b"GET", b"POST") + body,
        HELLO + b"\r\n",
    ):
        writer.write(request)
        async with asyncio.timeout(10):
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    writer.close()
