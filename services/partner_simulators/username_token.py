"""WS-Security UsernameToken with a password digest: who calls, checked by the agency."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = f"{{{_WSS}wssecurity-secext-1.0.xsd}}"
WSU = f"{{{_WSS}wssecurity-utility-1.0.xsd}}"
TOLERANCE = timedelta(minutes=5)


class NotAdmitted(Exception):
    """Whoever calls is not let in; `code` is of WS-Security."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class UsernameTokens:
    """Admits one user. A nonce is good once; those seen are kept for as long as they are fresh."""

    def __init__(self, *, username: str, password: str) -> None:
        self._username = username
        self._password = password.encode()
        self._seen: dict[bytes, datetime] = {}

    def admit(self, envelope: Any, *, now: datetime) -> None:
        """Check the token in the envelope's header. Raises NotAdmitted."""
        token = envelope.find(f"{{*}}Header/{WSSE}Security/{WSSE}UsernameToken")
        if token is None:
            raise NotAdmitted("InvalidSecurity", "UsernameToken attendu")
        name, digest, nonce, created = _parts(token)
        expected = hashlib.sha1(nonce + created.encode() + self._password).digest()  # noqa: S324
        if not (
            hmac.compare_digest(name.encode(), self._username.encode())
            and hmac.compare_digest(digest, expected)
        ):
            raise NotAdmitted("FailedAuthentication", "nom ou mot de passe inconnu")
        if abs(now - _moment(created)) > TOLERANCE:
            raise NotAdmitted("MessageExpired", "horodatage trop loin de notre heure")
        if nonce in self._seen:
            raise NotAdmitted("FailedAuthentication", "nonce déjà vu")
        for old in list(self._outlived(now)):
            del self._seen[old]
        self._seen[nonce] = now

    def _outlived(self, now: datetime) -> Iterator[bytes]:
        """Nonces whose message would be stale by now, oldest first."""
        oldest_kept = now - 2 * TOLERANCE
        return (n for n, at in takewhile(lambda seen: seen[1] < oldest_kept, self._seen.items()))


def _parts(token: Any) -> tuple[str, bytes, bytes, str]:
    """Name, digest, nonce, creation; the digest is over the very text of the creation."""
    name, digest, nonce, created = (
        token.findtext(part) or ""
        for part in (f"{WSSE}Username", f"{WSSE}Password", f"{WSSE}Nonce", f"{WSU}Created")
    )
    kind = token.find(f"{WSSE}Password")
    if kind is None or not (kind.get("Type") or "").endswith("#PasswordDigest"):
        raise NotAdmitted("UnsupportedSecurityToken", "PasswordDigest attendu")
    try:
        return name, _bytes(digest), _bytes(nonce), created
    except binascii.Error as error:
        raise NotAdmitted("InvalidSecurityToken", "base64 attendu") from error


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.strip().encode(), validate=True)


def _moment(created: str) -> datetime:
    try:
        moment = datetime.fromisoformat(created)
    except ValueError as error:
        raise NotAdmitted("InvalidSecurityToken", "Created illisible") from error
    if moment.tzinfo is None:
        raise NotAdmitted("InvalidSecurityToken", "Created sans fuseau")
    return moment
