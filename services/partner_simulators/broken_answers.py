"""The faults of an HTTP door, as bytes on the line.

A gateway that answers nonsense did not pass the request on: nothing is filed. Three faults
file the referral first and spoil the answer only (`truncated`, `cut_after_accept`, `trickle`):
these are the unknown outcomes.
"""

import asyncio
from collections.abc import Callable
from math import ceil

from aiohttp import web

from services.partner_simulators.door import answered
from services.partner_simulators.faults import GARBAGE, Fault

HUGE_BYTES = 10 * 1024 * 1024
_CHUNK = b"x" * 65536
_MAINTENANCE = (
    "<!doctype html><html lang='fr'><head><title>Maintenance</title></head>"
    "<body><h1>Le service est momentanément indisponible</h1></body></html>"
)


async def meet_fault(fault: Fault, request: web.BaseRequest) -> web.StreamResponse | None:
    """The wrong answer given instead of serving; None when the request is served after all."""
    match fault.kind:
        case "slow":
            await request.read()  # so that it is filed even when the caller waits no longer
            await asyncio.sleep(5.0 if fault.seconds is None else fault.seconds)
            return None
        case "huge":
            return await _huge(request)
        case "truncated" | "cut_after_accept" | "trickle":
            return None
        case kind:
            return _instead(kind, fault.seconds)


async def answer_wrongly(
    fault: Fault, request: web.BaseRequest, response: web.Response
) -> web.StreamResponse:
    """Spoil an answer whose request was served."""
    match fault.kind:
        case "truncated":
            body = response.body if isinstance(response.body, bytes) else b""
            return web.Response(
                status=response.status,
                body=body[: len(body) // 2],
                content_type="application/json",
            )
        case "cut_after_accept":
            if request.transport is not None:
                request.transport.abort()
            return response
        case "trickle":
            return await _trickle(request, response, seconds=fault.seconds or 5.0)
        case _:
            return response


def _instead(kind: str, seconds: float | None) -> web.Response:
    answers: dict[str, Callable[[], web.Response]] = {
        "garbage": lambda: web.Response(body=GARBAGE, content_type="application/json"),
        "html": lambda: web.Response(text=_MAINTENANCE, content_type="text/html"),
        "redirect": lambda: web.Response(status=302, headers={"Location": "/maintenance"}),
        "429": lambda: web.Response(status=429, headers={"Retry-After": str(ceil(seconds or 1))}),
        "500": lambda: answered(500, _errors("", "erreur interne")),
        "unauthorized": lambda: answered(401, _errors("", "accès refusé")),
        "refuse": lambda: answered(422, _errors("text", "contenu refusé")),
    }
    return answers[kind]()


def _errors(field: str, message: str) -> dict[str, list[dict[str, str]]]:
    return {"errors": [{"field": field, "message": message}]}


async def _huge(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    try:
        await response.prepare(request)
        for _ in range(HUGE_BYTES // len(_CHUNK)):
            await response.write(_CHUNK)
        await response.write_eof()
    except ConnectionError:
        return response  # a client that has read enough hangs up: that is the point
    return response


async def _trickle(
    request: web.BaseRequest, response: web.Response, *, seconds: float
) -> web.StreamResponse:
    """The whole answer over a line that carries next to nothing."""
    body = response.body if isinstance(response.body, bytes) else b""
    slow = web.StreamResponse(
        status=response.status, headers={"Content-Type": response.content_type}
    )
    slow.content_length = len(body)
    try:
        await slow.prepare(request)
        for byte in body:
            await slow.write(bytes([byte]))
            await asyncio.sleep(seconds / len(body))
        await slow.write_eof()
    except ConnectionError:
        return slow  # the client had enough of waiting
    return slow
