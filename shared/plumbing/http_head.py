"""uvicorn's HTTP protocol, with an end to how long a request's head is and how long it takes.

uvicorn has neither: one connection could send headers until memory is full, and many could each
hold a place by sending one byte now and then. The body has its own limits (`request_body.py`).
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 64 * 1024
"""Bytes of request line and headers."""
_HEAD_WITHIN_SECONDS = 20.0


class BoundedHead(HttpToolsProtocol):
    """Cuts a line whose next request does not begin as it should."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._in_head = True
        self._head_length = 0
        self._too_late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            # Also between two requests: any byte stops uvicorn's own clock of idle lines.
            self._head_length += len(data)
            self._set_timer()
        super().data_received(data)
        if self._in_head and self._head_length > LONGEST_HEAD:
            self._cut()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._unset_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._head_length = True, 0

    def _set_timer(self) -> None:
        if self._too_late is None:
            self._too_late = self.loop.call_later(_HEAD_WITHIN_SECONDS, self._cut)

    def _unset_timer(self) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None

    def _cut(self) -> None:
        self._unset_timer()
        self.transport.close()
