"""What a door lets in: JSON of a decent size, in UTF-8, that PostgreSQL can store.

The body is read whole before the application sees the request (doors take small JSON documents
only), so that every limit is checked at one place.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from email.message import Message as Header
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.plumbing.problem_details import FieldError, Problem, problem_response

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_READ_WITHIN_SECONDS = 20.0
_TO_LOOK_AT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|NaN|Infinity")
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
_NO_SUCH_CHARACTER = "Ce texte contient des caractères qui n’existent pas."


class RequestBody:
    """ASGI middleware; answers 400, 404, 408, 413, 415 or 422 by itself."""

    def __init__(self, app: ASGIApp, *, max_body: int) -> None:
        self._app = app
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _verify_address(scope)
            if scope["method"] in _WITHOUT_BODY:
                body = None
            else:
                body = await self._read(scope, receive)
        except Problem as problem:
            await problem_response(problem)(scope, receive, send)
            return
        except _Gone:
            return
        await self._app(scope, receive if body is None else _replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        length = content_type = b""
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = value
            elif name == b"content-type":
                content_type = value
        if length.isdigit() and int(length) > self._max_body:
            raise _too_large(self._max_body)
        body = await self._read_chunks(receive)
        if body:
            _verify_content_type(content_type)
            _verify_text(body)
        return body

    async def _read_chunks(self, receive: Receive) -> bytes:
        try:
            # The first chunk too: headers that announce a body oblige nobody to send it.
            async with asyncio.timeout(_READ_WITHIN_SECONDS):
                body = await self._read_all(receive)
        except TimeoutError:
            raise Problem(408, headers={"Connection": "close"}) from None
        if len(body) > self._max_body:
            raise _too_large(self._max_body)
        return body

    async def _read_all(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size, more = 0, True
        while more and size <= self._max_body:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            more = message.get("more_body", False)
        return b"".join(chunks)


class _Gone(Exception):
    """The client left before its request was whole."""


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _too_large(max_body: int) -> Problem:
    return Problem(
        413,
        detail=f"La taille maximale est de {max_body} octets.",
        headers={"Connection": "close"},
    )


def _verify_address(scope: Scope) -> None:
    if "\x00" in scope["path"]:
        raise Problem(404)
    query: bytes = scope["query_string"]
    if b"%00" in query or b"\x00" in query:
        raise Problem(
            422,
            errors=[
                FieldError(field=_printable(name), message=_NO_SUCH_CHARACTER)
                for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True)
                if "\x00" in name + value
            ],
        )


def _verify_content_type(content_type: bytes) -> None:
    if content_type == b"application/json":
        return
    header = Header()
    header["content-type"] = content_type.decode("latin-1") or "application/octet-stream"
    kind = header.get_content_type()
    if kind != "application/json" and not (kind.startswith("application/") and "+json" in kind):
        raise Problem(415)
    if str(header.get_param("charset", "utf-8")).lower() not in ("utf-8", "utf8"):
        raise Problem(415, detail="Le texte doit être en UTF-8.")


def _verify_text(body: bytes) -> None:
    if b"\x00" in body:  # raw, it is not JSON; often the sign of UTF-16, which json would accept
        raise Problem(400, code="not-utf-8", detail="Le caractère nul n’existe pas en JSON.")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(
            400, code="not-utf-8", detail=f"L’octet {error.start} n’est pas de l’UTF-8."
        ) from None
    if _TO_LOOK_AT.search(body):
        _verify_values(body)


def _verify_values(body: bytes) -> None:
    """Refuse characters PostgreSQL cannot store, by field, and numbers JSON does not have."""
    try:
        errors = [
            FieldError(field=_printable(field) or "body", message=_NO_SUCH_CHARACTER)
            for field in _fields_not_storable(json.loads(body, parse_constant=_refuse_constant))
        ]
    except (ValueError, RecursionError) as error:
        # Not JSON at all: the application says where. A constant: said here.
        if isinstance(error, _NoSuchNumber):
            raise Problem(
                400, code="not-json", detail="NaN et Infinity n’existent pas en JSON."
            ) from None
        return
    if errors:
        raise Problem(422, errors=errors)


class _NoSuchNumber(ValueError):
    pass


def _refuse_constant(_: str) -> None:
    raise _NoSuchNumber


def _fields_not_storable(value: Any, field: str = "") -> Iterator[str]:
    if isinstance(value, str):
        if _NOT_STORABLE.search(value):
            yield field
    elif isinstance(value, dict):
        for name, inner in value.items():
            inside = f"{field}.{name}" if field else name
            if _NOT_STORABLE.search(name):
                yield inside
            yield from _fields_not_storable(inner, inside)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _fields_not_storable(inner, f"{field}.{index}" if field else str(index))


def _printable(field: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in field[:120])
