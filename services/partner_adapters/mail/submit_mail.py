"""Hand one mail in over SMTP. What each answer means, step by step:

no connection, cut, time-out,     unavailable: nothing was handed over yet
nonsense before DATA
STARTTLS not offered, wrong       needs attention: nothing is sent in the clear, ever
certificate
530 534 535 538, no AUTH          needs attention: unauthorized
4xx at any step                   unavailable: greylisting, full, busy
5xx to the greeting, the sender   needs attention: it would be so for every mail, since all
or the recipient                  go to the same address
5xx to DATA or the mail, 552      refused as it stands
250 after the final dot           it has it
cut, time-out, nonsense after     unknown: perhaps it has it
DATA was begun
"""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from aiosmtplib import SMTP
from aiosmtplib.errors import SMTPException, SMTPResponseException

from services.partner_adapters.mail.servers import MailServer
from services.partner_adapters.partner_adapter import (
    OutcomeUnknown,
    PartnerFailure,
    PartnerNeedsAttention,
    PartnerRefused,
    PartnerUnavailable,
)
from services.partner_adapters.partner_network import find_addresses

_UNAUTHORIZED = frozenset({530, 534, 535, 538})
_FAREWELL_SECONDS = 1.0


class MailSubmission:
    """One partner's SMTP server; a connection for each mail."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._tls = server.tls()

    async def submit(self, mail: bytes, *, sender: str, recipient: str) -> str:
        """Hand the mail in; returns what the server answered. Raises `PartnerFailure`."""
        smtp: SMTP | None = None
        progress = _Progress()
        try:
            with _meaning_of_errors(progress):
                async with asyncio.timeout(self._server.timeout):
                    smtp = await self._connected(calling_itself=sender.rpartition("@")[2])
                    await self._encrypted(smtp)
                    await self._signed_in(smtp)
                    await smtp.mail(sender)
                    await smtp.rcpt(recipient)
                    progress.data_begun = True
                    answer = await smtp.data(mail)
            await _say_goodbye(smtp)
        finally:
            if smtp is not None:
                smtp.close()
        return f"{answer.code} {answer.message}"

    async def _connected(self, *, calling_itself: str) -> SMTP:
        server = self._server
        smtp = SMTP(
            hostname=server.host,
            sock=await self._reached(),
            use_tls=server.implicit_tls,
            start_tls=False,
            tls_context=self._tls,
            timeout=server.timeout,
            local_hostname=calling_itself,
        )
        await smtp.connect()
        return smtp

    async def _reached(self) -> socket.socket:
        """A connection to the first address that is permitted and answers."""
        loop, server = asyncio.get_running_loop(), self._server
        for each in await find_addresses(server.host, server.port, reach=server.reach):
            line = socket.socket(each["family"], socket.SOCK_STREAM)
            line.setblocking(False)
            try:
                await loop.sock_connect(line, (each["host"], each["port"]))
            except BaseException as error:
                line.close()
                if not isinstance(error, OSError):
                    raise
            else:
                return line
        raise PartnerUnavailable("connection_refused")

    async def _encrypted(self, smtp: SMTP) -> None:
        if self._server.implicit_tls:
            return
        await smtp.ehlo()
        if not smtp.supports_extension("starttls"):
            raise PartnerNeedsAttention("no_starttls")
        await smtp.starttls(server_hostname=self._server.host, tls_context=self._tls)

    async def _signed_in(self, smtp: SMTP) -> None:
        await smtp.ehlo()
        if not smtp.supported_auth_methods:
            raise PartnerNeedsAttention("no_auth")
        await smtp.login(self._server.username, self._server.password)


@dataclass
class _Progress:
    """How far a mail has come."""

    data_begun: bool = False


@contextmanager
def _meaning_of_errors(progress: _Progress) -> Iterator[None]:
    """Raise the `PartnerFailure` that an error means at the moment it happened."""
    try:
        yield
    except PartnerFailure:
        raise
    except SMTPResponseException as error:
        raise _meaning(error.code, error.message, progress) from None
    except (SMTPException, OSError, ValueError) as error:  # TimeoutError is an OSError
        if _is_about_tls(error):
            raise PartnerNeedsAttention("certificate_or_tls") from error
        reason = "timed_out" if isinstance(error, TimeoutError) else "line_cut"
        raise (OutcomeUnknown if progress.data_begun else PartnerUnavailable)(reason) from error


def _meaning(code: int, said: str, progress: _Progress) -> PartnerFailure:
    reason, answer = f"smtp_{code}", f"{code} {said}"
    if code in _UNAUTHORIZED:
        return PartnerNeedsAttention("unauthorized", answer=answer)
    if 400 <= code < 500:
        return PartnerUnavailable(reason, answer=answer)
    if 500 <= code < 600:
        is_of_the_mail = progress.data_begun or code == 552
        return (PartnerRefused if is_of_the_mail else PartnerNeedsAttention)(reason, answer=answer)
    nonsense = OutcomeUnknown if progress.data_begun else PartnerUnavailable
    return nonsense("unreadable_answer", answer=answer)


def _is_about_tls(error: BaseException) -> bool:
    return isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError)


async def _say_goodbye(smtp: SMTP) -> None:
    """It has the mail already: nothing that goes wrong now matters."""
    with suppress(SMTPException, OSError):
        await smtp.quit(timeout=_FAREWELL_SECONDS)
