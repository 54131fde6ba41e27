"""The SMTP server that mails are handed in to: STARTTLS, then a sign-in, then one mail.

Its faults are met by a connection as a whole, since a connection brings one mail.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from services.partner_simulators.faults import GARBAGE, Fault, FaultPanel

LARGEST_MAIL = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class PostFacts:
    """Who may hand mails in, to whom, and how the server proves itself."""

    username: str
    password: str
    recipient: str
    tls: ssl.SSLContext
    expired_tls: ssl.SSLContext


class Post:
    """The listening server; `take` gets every mail that was accepted."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        facts: PostFacts,
        faults: FaultPanel,
        take: Callable[[bytes], None],
    ) -> None:
        """Port 0 takes a free port at the first opening and keeps it."""
        self.host = host
        self.port = port
        self._facts = facts
        self._faults = faults
        self._take = take
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.BaseTransport] = set()

    async def open(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._answering, self.host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and hang up on everybody."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for line in list(self._lines):
                _hang_up(line)
            await server.wait_closed()

    def _answering(self) -> asyncio.Protocol:
        fault = self._faults.take(counts=True)
        if fault is not None and fault.kind == "garbage":
            return _Babbling()
        return _Clerk(facts=self._facts, fault=fault, take=self._take, lines=self._lines)


class _Clerk(SMTP):
    """One connection: aiosmtpd's server, with our hooks."""

    def __init__(
        self,
        *,
        facts: PostFacts,
        fault: Fault | None,
        take: Callable[[bytes], None],
        lines: set[asyncio.BaseTransport],
    ) -> None:
        kind = fault.kind if fault is not None else None
        super().__init__(
            _Hooks(facts=facts, fault=fault, take=take, cut=self._cut),
            data_size_limit=LARGEST_MAIL,
            hostname="courrier.simulateur.invalid",
            ident="simulateur",
            tls_context=_tls_of(facts, kind),
            require_starttls=kind != "no_starttls",
            auth_required=True,
            authenticator=self._admits,
            loop=asyncio.get_running_loop(),
        )
        self._facts = facts
        self._rejects_all = kind == "unauthorized"
        self._lines = lines

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._lines.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._lines -= {line for line in self._lines if line.is_closing()}
        super().connection_lost(error)

    def _admits(self, *said: Any) -> AuthResult:
        given = said[4]
        right = isinstance(given, LoginPassword) and (given.login, given.password) == (
            self._facts.username.encode(),
            self._facts.password.encode(),
        )
        return AuthResult(success=right and not self._rejects_all, handled=False)

    def _cut(self) -> None:
        if self.transport is not None:
            _hang_up(self.transport)


class _Hooks:
    """What happens at each step of a mail."""

    def __init__(
        self,
        *,
        facts: PostFacts,
        fault: Fault | None,
        take: Callable[[bytes], None],
        cut: Callable[[], None],
    ) -> None:
        self._facts = facts
        self._fault = fault
        self._kind = fault.kind if fault is not None else None
        self._take = take
        self._cut = cut

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if self._kind == "greylist":
            return "451 4.7.1 Revenez plus tard"
        if address.lower() != self._facts.recipient:
            return "550 5.1.1 Destinataire inconnu"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        if self._kind == "slow" and self._fault is not None:
            await asyncio.sleep(1.0 if self._fault.seconds is None else self._fault.seconds)
        if self._kind == "refuse":
            return "554 5.6.0 Contenu refuse"
        self._take(bytes(envelope.original_content or b""))
        if self._kind == "cut_after_accept":
            self._cut()
        return "250 2.0.0 Recu"


class _Babbling(asyncio.Protocol):
    """Says what is no SMTP."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.write(GARBAGE + b"\r\n")
        transport.close()


def _tls_of(facts: PostFacts, fault: str | None) -> ssl.SSLContext | None:
    if fault == "no_starttls":
        return None
    return facts.expired_tls if fault == "expired_certificate" else facts.tls


def _hang_up(line: asyncio.BaseTransport) -> None:
    # Python 3.11.2 cannot abort a TLS line that was closed twice.
    if isinstance(line, asyncio.Transport) and not line.is_closing():
        line.abort()
