"""How an agency tells that it is us: an API key, or OAuth2 client credentials."""

import base64
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

TOKEN_SECONDS = 300


class ApiKey:
    """The header X-Api-Key."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def admits(self, headers: Mapping[str, str], *, now: datetime) -> bool:  # noqa: ARG002
        """Tell whether this request may come in."""
        return hmac.compare_digest(headers.get("X-Api-Key", "").encode(), self._key)


class OAuth2:
    """Bearer tokens of five minutes, given against client id and secret (HTTP Basic)."""

    def __init__(self, *, client_id: str, client_secret: str) -> None:
        self._basic = base64.b64encode(f"{client_id}:{client_secret}".encode())
        self._expiries: dict[str, datetime] = {}

    def issue_token(self, authorization: str, *, now: datetime) -> dict[str, object] | None:
        """The answer of the token endpoint, or None when the client is not known."""
        scheme, _, credentials = authorization.partition(" ")
        known = hmac.compare_digest(credentials.strip().encode(), self._basic)
        if scheme.lower() != "basic" or not known:
            return None
        self._expiries = {token: end for token, end in self._expiries.items() if end > now}
        token = secrets.token_urlsafe(32)
        self._expiries[token] = now + timedelta(seconds=TOKEN_SECONDS)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
        }

    def admits(self, headers: Mapping[str, str], *, now: datetime) -> bool:
        """Tell whether this request carries a token that is still good."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        expiry = self._expiries.get(token)
        return scheme.lower() == "bearer" and expiry is not None and now < expiry
