"""Read what is new in our mailbox over IMAP, in a thread of its own: the library is synchronous.

Nothing is changed there and no mail is read whole that is long. Whatever fails is
`PartnerUnavailable`, except:

    STARTTLS not offered, wrong certificate   needs attention: no password goes in the clear
    sign-in refused                           needs attention
"""

import asyncio
import imaplib
import re
import socket
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from imap_tools.errors import ImapToolsError, MailboxLoginError
from imap_tools.mailbox import BaseMailBox

from services.partner_adapters.mail.servers import MailServer
from services.partner_adapters.partner_adapter import PartnerNeedsAttention, PartnerUnavailable
from services.partner_adapters.partner_network import find_addresses

LONGEST_READ = 128 * 1024
"""Bytes of a mail: enough for a text; what hangs on it is left where it is."""
MOST_MAILS = 50
_FOLDER = "INBOX"


@dataclass(frozen=True)
class MailPage:
    """The beginnings of new mails, oldest first, and where to go on from."""

    mails: Sequence[bytes]
    cursor: str


class MailboxReader:
    """One partner's mailbox; a connection for each look."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._tls = server.tls()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mailbox")

    async def read_after(self, cursor: str | None) -> MailPage:
        """At most 50 mails behind `cursor`, `<UIDVALIDITY>:<last UID>`; fewer when it takes long.

        When the mailbox was made anew, its numbers begin anew and all is read again.
        """
        server = self._server
        found = await find_addresses(server.host, server.port, reach=server.reach)
        look = _Look(
            server=server,
            addresses=[each["host"] for each in found],
            tls=self._tls,
            position=_Position.of(cursor),
        )
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, look.read)
        except asyncio.CancelledError:
            look.give_up()
            raise

    def close(self) -> None:
        """Take no more work; a look under way ends by its time-outs."""
        self._thread.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class _Position:
    validity: int | None = None
    last: int = 0

    @classmethod
    def of(cls, cursor: str | None) -> "_Position":
        found = re.fullmatch(r"(\d{1,10}):(\d{1,10})", cursor or "")
        return cls(int(found[1]), int(found[2])) if found else cls()


@dataclass(kw_only=True)
class _Look:
    """One look into the mailbox; `read` runs in the thread."""

    server: MailServer
    addresses: Sequence[str]
    tls: ssl.SSLContext
    position: _Position
    _line: socket.socket | None = field(default=None, init=False)

    def read(self) -> MailPage:
        try:
            mailbox = _Mailbox(self._connected())
            try:
                mailbox.login(self.server.username, self.server.password, initial_folder=None)
                return self._page(mailbox)
            finally:
                with suppress(imaplib.IMAP4.error, ImapToolsError, OSError):
                    mailbox.logout()
        except MailboxLoginError as error:
            raise PartnerNeedsAttention("unauthorized", answer=str(error)) from None
        except ssl.SSLError as error:
            raise PartnerNeedsAttention("certificate_or_tls") from error
        except (imaplib.IMAP4.error, ImapToolsError, OSError, ValueError, TypeError) as error:
            reason = "timed_out" if isinstance(error, TimeoutError) else "mailbox_not_read"
            raise PartnerUnavailable(reason) from error

    def give_up(self) -> None:
        """Cut the line from outside, so that the thread wakes up and ends."""
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def _connected(self) -> imaplib.IMAP4:
        client = _Client(self)
        if not self.server.implicit_tls:
            if "STARTTLS" not in client.capabilities:
                client.shutdown()
                raise PartnerNeedsAttention("no_starttls")
            client.starttls(self.tls)
            self._line = client.sock
        return client

    def _page(self, mailbox: BaseMailBox) -> MailPage:
        give_up_at = time.monotonic() + self.server.timeout / 2
        mailbox.folder.set(_FOLDER, readonly=True)
        validity = int(mailbox.client.response("UIDVALIDITY")[1][0])
        last = self.position.last if validity == self.position.validity else 0
        # `n:*` names the last mail even when it is before n.
        found = sorted(int(uid) for uid in mailbox.uids(f"UID {last + 1}:*", charset=None))
        mails: list[bytes] = []
        for uid in [uid for uid in found if uid > last][:MOST_MAILS]:
            mails += _beginning_of(mailbox, uid)
            last = uid
            if time.monotonic() > give_up_at:
                break
        return MailPage(mails=mails, cursor=f"{validity}:{last}")

    def open_line(self) -> socket.socket:
        """Connect to an address that was checked; the certificate must be of the name."""
        line = self._reached()
        if self.server.implicit_tls:
            line = self.tls.wrap_socket(line, server_hostname=self.server.host)
        self._line = line
        return line

    def _reached(self) -> socket.socket:
        *others, last = self.addresses
        for address in others:
            with suppress(OSError):
                return socket.create_connection((address, self.server.port), self.server.timeout)
        return socket.create_connection((last, self.server.port), self.server.timeout)


class _Client(imaplib.IMAP4):
    """The standard library's client, over a line that we open."""

    def __init__(self, look: _Look) -> None:
        self._look = look
        super().__init__(look.server.host, look.server.port, timeout=look.server.timeout)

    def _create_socket(self, timeout: float | None) -> socket.socket:  # noqa: ARG002 - the base's
        return self._look.open_line()


class _Mailbox(BaseMailBox):
    """imap-tools over a client that is connected already."""

    def __init__(self, client: imaplib.IMAP4) -> None:
        self._connected = client
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return self._connected


def _beginning_of(mailbox: BaseMailBox, uid: int) -> list[bytes]:
    """The first bytes of a mail, in a list; an empty one when it is gone."""
    wanted = f"(UID BODY.PEEK[]<0.{LONGEST_READ}>)"
    _, answer = mailbox.client.uid("FETCH", str(uid), wanted)
    return [part[1] for part in answer if isinstance(part, tuple)][:1]
