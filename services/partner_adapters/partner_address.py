"""Where a partner may be: encrypted, or on this very machine. PURE."""

import ipaddress
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


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
