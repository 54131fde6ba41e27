"""A body that never comes: the door does not wait for it for ever."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from shared.plumbing import request_body
from shared.plumbing.request_body import RequestBody

ANNOUNCED = [(b"content-type", b"application/json"), (b"content-length", b"20")]


async def _not_reached(_: Scope, __: Receive, ___: Send) -> None:
    raise AssertionError("a request without its body went in")


@pytest.mark.parametrize("sent_before", [[], [b'{"text":']])
async def test_a_body_that_does_not_come_in_time_is_refused(
    monkeypatch: pytest.MonkeyPatch, sent_before: list[bytes]
) -> None:
    monkeypatch.setattr(request_body, "_READ_WITHIN_SECONDS", 0.05)
    waiting, answered = list(sent_before), list[Message]()

    async def receive() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": True}
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def send(message: Message) -> None:
        answered.append(message)

    scope: dict[str, Any] = {
        **{"type": "http", "method": "POST", "path": "/", "query_string": b""},
        "headers": ANNOUNCED,
    }
    async with asyncio.timeout(5):
        await RequestBody(_not_reached, max_body=100)(scope, receive, send)
    assert answered[0]["status"] == 408
    assert (b"connection", b"close") in answered[0]["headers"]
