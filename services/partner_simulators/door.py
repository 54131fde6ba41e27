"""An agency's listening socket, which can really be closed and opened again."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

SECONDS_FOR_REQUESTS_IN_FLIGHT = 0.2

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Door:
    """Serves `answer` on one port; aiohttp's bare server, so the hot path stays short."""

    def __init__(self, *, host: str, port: int, answer: Answer) -> None:
        """Port 0 takes a free port at the first opening and keeps it."""
        self.host = host
        self.port = port
        self._answer = answer
        self._runner: web.ServerRunner | None = None
        self._turn = asyncio.Lock()

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def open(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        async with self._turn:
            if self._runner is not None:
                return
            runner = web.ServerRunner(
                web.Server(self._answer, access_log=None),
                shutdown_timeout=SECONDS_FOR_REQUESTS_IN_FLIGHT,
            )
            await runner.setup()
            try:
                site = web.TCPSite(runner, self.host, self.port, reuse_address=True)
                await site.start()
            except OSError:
                await runner.cleanup()
                raise
            self.port = runner.addresses[0][1]
            self._runner = runner

    async def close(self) -> None:
        """Stop listening and hang up on everybody: from here on, connection refused."""
        async with self._turn:
            runner, self._runner = self._runner, None
            if runner is not None:
                await runner.cleanup()


def answered(status: int, content: object) -> web.Response:
    """An answer that is a JSON document."""
    return web.Response(
        status=status, body=json.dumps(content).encode(), content_type="application/json"
    )
