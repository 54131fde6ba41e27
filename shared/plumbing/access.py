"""Who comes in: principals, bearer tokens of stations, signed sessions of people.

Bearer tokens live, hashed, in intake's tables. Sessions are JWT signed by intake with Ed25519
(RFC 8037, RFC 9864) and verified by every service with the public key alone.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

SESSION_COOKIE = "aiguillage_session"
SESSION_LASTS = timedelta(minutes=10)
PARTNER_ROLE = "partner"

_ALGORITHM = "Ed25519"
_ISSUER = "aiguillage"
_CLOCKS_MAY_DIFFER = timedelta(seconds=30)


class InvalidSession(Exception):
    """A session that is forged, damaged or over; the text never quotes it."""


@dataclass(frozen=True)
class Principal:
    """Who is asking: an account of a person, a station or an API client."""

    account: str
    roles: tuple[str, ...]
    """`kiosk bus api agent supervisor triage operations`, or `partner:<id>/<unit>`."""
    site_id: str | None = None
    credential: str | None = field(default=None, compare=False, repr=False)
    """Which token or password let it in (`fingerprint`): once replaced, it renews nothing."""

    def has_role(self, *roles: str) -> bool:
        """Tell whether it holds one of these; `partner` stands for any unit of any partner."""
        return any(
            role in roles or (PARTNER_ROLE in roles and role.startswith(f"{PARTNER_ROLE}:"))
            for role in self.roles
        )

    def partner_units(self) -> Mapping[str, frozenset[str]]:
        """The units it may act for, by partner id; unit `*` is all of them."""
        units: dict[str, frozenset[str]] = {}
        for role in self.roles:
            kind, _, rest = role.partition(":")
            partner_id, _, unit = rest.partition("/")
            if kind == PARTNER_ROLE and partner_id and unit:
                units[partner_id] = units.get(partner_id, frozenset()) | {unit}
        return units


def new_token() -> str:
    """Make a bearer token or tracking secret: 32 random bytes, as 43 characters."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """What is stored of a token: SHA-256, enough because the token itself is random."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def fingerprint(stored: bytes) -> str:
    """Tells one stored hash of a token or password from the next; says nothing of either."""
    return hashlib.sha256(stored).hexdigest()[:16]


@dataclass(frozen=True)
class Session:
    token: str
    expires_at: datetime


def generate_session_keys() -> tuple[str, str]:
    """Make the private and the public key of sessions, each a JWK on one line."""
    key = OKPKey.generate_key("Ed25519")
    return json.dumps(key.as_dict(private=True)), json.dumps(key.as_dict(private=False))


class SessionSigner:
    """Issues sessions; intake alone holds the private key."""

    def __init__(self, private_key: str) -> None:
        self._key = _read_key(private_key)
        if not self._key.is_private:
            raise ValueError("the session key to sign with is not a private key")

    def issue(self, principal: Principal, *, now: datetime) -> Session:
        """Sign a session of 10 minutes."""
        expires_at = now + SESSION_LASTS
        claims = {
            "iss": _ISSUER,
            "sub": principal.account,
            "roles": list(principal.roles),
            "site": principal.site_id,
            "cred": principal.credential,
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
            "jti": secrets.token_urlsafe(12),
        }
        token = jwt.encode({"alg": _ALGORITHM}, claims, self._key, algorithms=[_ALGORITHM])
        return Session(token=token, expires_at=expires_at)


class SessionVerifier:
    """Verifies sessions with the public key."""

    def __init__(self, public_key: str) -> None:
        self._key = _read_key(public_key)

    def verify(self, token: str, *, now: datetime) -> Principal:
        """Who holds this session; raises `InvalidSession`."""
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError, TypeError, KeyError):
            # Whatever the text is, it is the caller's: nothing of it goes further.
            raise InvalidSession("the session is damaged or not signed by us") from None
        _verify_times(claims, now=now)
        return _principal(claims)


def _read_key(text: str) -> OKPKey:
    try:
        key = OKPKey.import_key(json.loads(text))
    except (JoseError, ValueError, TypeError, KeyError):
        raise ValueError("a session key is not an Ed25519 key in JWK form") from None
    if key.as_dict(private=False).get("crv") != "Ed25519":
        raise ValueError("a session key is not an Ed25519 key in JWK form")
    return key


def _verify_times(claims: Mapping[str, Any], *, now: datetime) -> None:
    issued, expires = claims.get("iat"), claims.get("exp")
    if claims.get("iss") != _ISSUER or not isinstance(issued, int) or not isinstance(expires, int):
        raise InvalidSession("the session lacks a claim")
    if now.timestamp() >= expires:
        raise InvalidSession("the session is over")
    if datetime.fromtimestamp(issued, UTC) > now + _CLOCKS_MAY_DIFFER:
        raise InvalidSession("the session is not valid yet")


def _principal(claims: Mapping[str, Any]) -> Principal:
    account, roles, site_id = claims.get("sub"), claims.get("roles"), claims.get("site")
    credential = claims.get("cred")
    if not isinstance(account, str) or not _are_texts(roles):
        raise InvalidSession("the session lacks a claim")
    if site_id is not None and not isinstance(site_id, str):
        raise InvalidSession("the session names no site as it should")
    if credential is not None and not isinstance(credential, str):
        raise InvalidSession("the session names no credential as it should")
    return Principal(
        account=account, roles=tuple(roles or ()), site_id=site_id, credential=credential
    )


def _are_texts(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(item, str) for item in value)
    )


def session_cookie(session: Session, *, secure: bool) -> str:
    """The `Set-Cookie` value that carries a session: no script reads it, no other site sends it.

    `secure` is false on loopback only (see `is_loopback`): a browser drops it elsewhere.
    """
    seconds = int(SESSION_LASTS.total_seconds())
    return _cookie(session.token, max_age=seconds, secure=secure)


def ended_session_cookie(*, secure: bool) -> str:
    """The `Set-Cookie` value that makes a browser forget its session."""
    return _cookie("", max_age=0, secure=secure)


def _cookie(value: str, *, max_age: int, secure: bool) -> str:
    end = "; Secure" if secure else ""
    return f"{SESSION_COOKIE}={value}; Max-Age={max_age}; Path=/; HttpOnly; SameSite=Strict{end}"


def is_loopback(host: str) -> bool:
    """Tell whether a host name, as in the `Host` header without its port, is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
