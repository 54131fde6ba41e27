"""Where a partner may be: encrypted, or on this very machine. PURE."""

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

_ENCRYPTED = frozenset({"https", "sftp", "smtps", "imaps"})
"""`smtp` and `imap` are encrypted too (STARTTLS): their adapter insists on it everywhere."""
_BY_STARTTLS = frozenset({"smtp", "imap"})


def check_address(address: str) -> None:
    """Raise ValueError unless the address is encrypted, or http on this very machine."""
    parts = urlsplit(address)
    if parts.scheme in _ENCRYPTED | _BY_STARTTLS and parts.hostname:
        return
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return
    raise ValueError("the address must be https (http only towards this machine)")


def check_host(address: str, *, permits: Callable[[str], bool]) -> None:
    """Raise ValueError when the host is written as an IP address where no partner may be.

    A name is checked when it is resolved, before each connection: see `partner_network.py`.
    """
    host = urlsplit(address).hostname or ""
    try:
        ip = str(ipaddress.ip_address("127.0.0.1" if host == "localhost" else host))
    except ValueError:
        return
    if not permits(ip):
        raise ValueError(
            "the address is of this machine or a private network; for simulators set "
            "AIGUILLAGE_PARTNERS_ON_LOOPBACK, for a closed network private_network in the file"
        )


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
