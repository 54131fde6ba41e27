"""Where a mail server is and how it is proved to be the right one."""

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.partner_adapters.partner_network import Reach

_PORTS = {"smtp": 587, "smtps": 465, "imap": 143, "imaps": 993}


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """One server, with whom we sign in there. Always encrypted, always with a checked certificate.

    `implicit_tls`: from the first byte; otherwise by STARTTLS, without which we go no further.
    """

    host: str
    port: int
    implicit_tls: bool
    username: str
    password: str
    authority: str | None
    """PEM of the only authority trusted; None: those of this machine."""
    reach: Reach
    timeout: float

    def tls(self) -> ssl.SSLContext:
        """How to encrypt; raises ValueError when `authority` is no certificate."""
        try:
            return ssl.create_default_context(cadata=self.authority)
        except ssl.SSLError as error:
            raise ValueError("the certificate authority is not a PEM certificate") from error


def where(address: str, *, scheme: str) -> tuple[str, int, bool]:
    """Host, port and whether TLS is implicit, of `smtp://…` or `smtps://…` (so for imap).

    Raises ValueError for another scheme.
    """
    parts = urlsplit(address)
    if parts.scheme not in {scheme, f"{scheme}s"} or not parts.hostname:
        raise ValueError(f"the address must be {scheme}://… or {scheme}s://…")
    return parts.hostname, parts.port or _PORTS[parts.scheme], parts.scheme.endswith("s")
