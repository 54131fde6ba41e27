"""How we show a partner who we are: an API key, or an OAuth2 token refreshed without a storm."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiohttp

from services.partner_adapters.partner_adapter import (
    PartnerFailure,
    PartnerNeedsAttention,
    PartnerUnavailable,
)
from services.partner_adapters.partner_http import Answer, exchange
from services.partner_adapters.partner_network import PermittedResolver, Reach
from shared.plumbing.clock import Clock

_EARLY = timedelta(seconds=30)
"""A token is renewed this long before it ends, so that no call starts with a dying one."""
_FAILURE_KEPT = timedelta(seconds=2)
_LONGEST_KEPT = timedelta(days=1)
_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)


class NoAuthorization:
    """For partners on a closed network."""

    async def headers(self) -> Mapping[str, str]:
        return {}

    async def renew(self, rejected: Mapping[str, str]) -> bool:  # noqa: ARG002 - the protocol's
        return False


class ApiKeyAuthorization:
    """A fixed key; when it is rejected there is no other."""

    def __init__(self, api_key: str) -> None:
        self._headers = {"X-Api-Key": api_key}

    async def headers(self) -> Mapping[str, str]:
        return self._headers

    async def renew(self, rejected: Mapping[str, str]) -> bool:  # noqa: ARG002 - the protocol's
        return False


@dataclass(frozen=True)
class _Token:
    headers: Mapping[str, str]
    fresh_until: datetime


class OAuth2Authorization:
    """Client credentials (RFC 6749, section 4.4) at `{address}/oauth/token`.

    However many calls want a token at once, one asks for it. A failure holds for a moment,
    so that those who wait do not all ask again.
    """

    def __init__(
        self, *, address: str, client_id: str, client_secret: str, reach: Reach, clock: Clock
    ) -> None:
        self._reach = reach
        self._url = f"{address.rstrip('/')}/oauth/token"
        self._headers = {"Authorization": aiohttp.encode_basic_auth(client_id, client_secret)}
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._token: _Token | None = None
        self._failure: tuple[PartnerFailure, datetime] | None = None

    async def headers(self) -> Mapping[str, str]:
        async with self._one_at_a_time:
            if self._token is None or self._clock.now() >= self._token.fresh_until:
                self._token = await self._ask()
            return self._token.headers

    async def renew(self, rejected: Mapping[str, str]) -> bool:
        async with self._one_at_a_time:
            if self._token is not None and self._token.headers == rejected:
                self._token = None
        return True

    async def _ask(self) -> _Token:
        now = self._clock.now()
        if self._failure is not None and now < self._failure[1] + _FAILURE_KEPT:
            raise self._failure[0]
        try:
            # Once an hour or so: not worth a session of its own kept open.
            connector = aiohttp.TCPConnector(resolver=PermittedResolver(self._reach))
            async with aiohttp.ClientSession(timeout=_TIMEOUT, connector=connector) as session:
                answer = await exchange(
                    session,
                    "POST",
                    self._url,
                    data={"grant_type": "client_credentials"},
                    headers=self._headers,
                )
            self._token, self._failure = _read_token(answer, now=now), None
        except PartnerNeedsAttention as error:
            self._failure = (error, now)
            raise
        except PartnerFailure as error:
            # The referral itself was not sent: nothing is unknown about it.
            failure = PartnerUnavailable(f"token_{error.reason}")
            self._failure = (failure, now)
            raise failure from error
        return self._token


def _read_token(answer: Answer, *, now: datetime) -> _Token:
    if answer.status >= 500 or answer.status == 429:
        raise PartnerUnavailable(f"http_{answer.status}")
    if answer.status != 200:
        raise PartnerNeedsAttention("token_refused")
    try:
        content = json.loads(answer.body)
        token, lasts = content["access_token"], float(content.get("expires_in", 300))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise PartnerUnavailable("unreadable") from error
    if not isinstance(token, str) or not (token.isascii() and token.isprintable() and token):
        raise PartnerUnavailable("unreadable")
    if not lasts >= 0:  # NaN is neither
        raise PartnerUnavailable("unreadable")
    kept = timedelta(seconds=min(lasts, _LONGEST_KEPT.total_seconds()))
    return _Token(
        headers={"Authorization": f"Bearer {token}"},
        fresh_until=now + max(kept - _EARLY, kept / 2),
    )
