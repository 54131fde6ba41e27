"""The IMAP server with the mailbox in which answers arrive: pymap's, in this very process."""

import asyncio
import ssl
from argparse import Namespace
from datetime import UTC, datetime

from proxyprotocol.result import ProxyResultLocal
from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pysasl.hashing import BuiltinHash

_QUICK_HASH = BuiltinHash(rounds=1)
"""Passwords of a demonstration: the usual half second a sign-in would be most of the work."""


class Mailbox:
    """One account with one inbox, in memory; STARTTLS before any sign-in."""

    def __init__(
        self, *, host: str, port: int, username: str, password: str, tls: ssl.SSLContext
    ) -> None:
        """Port 0 takes a free port at the first opening and keeps it."""
        self.host = host
        self.port = port
        self._username = username
        self._password = password
        self._tls = tls
        self._backend: DictBackend | None = None
        """Made at the first opening: it belongs to the loop it is made in."""
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listen; what came before is still there. Raises OSError when the port is taken."""
        if self._server is not None:
            return
        if self._backend is None:
            self._backend, config = await DictBackend.init(
                self._arguments(), ssl_context=self._tls, hash_context=_QUICK_HASH
            )
            config.apply_context()
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and hang up on everybody; the mails stay."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for line in self._lines:
                line.transport.abort()
            await server.wait_closed()

    async def put(self, mail: bytes) -> None:
        """A mail arrives, whether anybody may read it now or not."""
        async with self._opened_backend.login.demo_user_identity.new_session() as session:
            inbox = await session.mailbox_set.get_mailbox("INBOX")
            await inbox.append(AppendMessage(mail, datetime.now(UTC), frozenset()))

    @property
    def _opened_backend(self) -> DictBackend:
        if self._backend is None:
            raise RuntimeError("not opened yet")
        return self._backend

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        backend = self._opened_backend
        self._lines.add(writer)
        try:
            serve = IMAPServer(backend.login, backend.config)
            await serve(reader, writer, SocketInfo.get(writer, ProxyResultLocal()))
        except (OSError, EOFError):
            pass  # whoever looked has gone
        finally:
            self._lines.discard(writer)
            writer.close()

    def _arguments(self) -> Namespace:
        """What pymap would read from its command line."""
        return Namespace(
            host=self.host,
            port=self.port,
            debug=False,
            cert=None,
            key=None,
            tls=True,
            demo_data=False,
            demo_user=self._username,
            demo_password=self._password,
            passlib_cfg=None,
            proxy_protocol=None,
        )
