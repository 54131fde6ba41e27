"""The HTTP transport of one partner: one session, everything bounded, nothing followed.

It tells what was certainly not taken (`PartnerUnavailable`) from what perhaps was
(`OutcomeUnknown`): only a failure before the request was sent is certain.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp

from services.partner_adapters.partner_adapter import (
    OutcomeUnknown,
    PartnerNeedsAttention,
    PartnerUnavailable,
)
from services.partner_adapters.partner_network import PermittedResolver, Reach

LONGEST_ANSWER = 64 * 1024
"""Bytes read of an answer; the rest is left and the connection closed."""
LONGEST_LIST = 4 * 1024 * 1024
"""Bytes read of a list of statuses: 200 of them with the longest message allowed."""


@dataclass(frozen=True)
class Answer:
    """What came back. `whole` is false when it was cut because it was too long."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Authorization(Protocol):
    """How we show who we are."""

    async def headers(self) -> Mapping[str, str]:
        """The headers of a call; raises a `PartnerFailure` when there are none to be had."""
        ...

    async def renew(self, rejected: Mapping[str, str]) -> bool:
        """These headers were rejected: True when there are now others to try, once."""
        ...


class PartnerHttp:
    """Calls below one base address. `concurrency` connections at most; `timeout` in seconds."""

    def __init__(
        self,
        *,
        address: str,
        authorization: Authorization,
        concurrency: int,
        timeout: float,
        reach: Reach,
    ) -> None:
        self._reach = reach
        self._address = address.rstrip("/")
        self._authorization = authorization
        self._concurrency = concurrency
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=min(timeout, 5.0))
        self._session: aiohttp.ClientSession | None = None

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        longest: int = LONGEST_ANSWER,
    ) -> Answer:
        """One call with `json` or with `content` as it is; after a 401 or 403 once more.

        That second call is made with renewed credentials, if there are any.
        """

        async def once() -> tuple[Mapping[str, str], Answer]:
            authorization = await self._authorization.headers()
            answer = await exchange(
                self._opened(),
                method,
                f"{self._address}{path}",
                json=json,
                data=content,
                params=query,
                headers={**(headers or {}), **authorization},
                longest=longest,
            )
            return authorization, answer

        authorization, answer = await once()
        if answer.status in {401, 403} and await self._authorization.renew(authorization):
            _, answer = await once()
        return answer

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        # Opened at the first call, because a session belongs to the running loop.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(
                    limit=self._concurrency,
                    keepalive_timeout=15,
                    resolver=PermittedResolver(self._reach),
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "aiguillage", "Accept": "application/json"},
            )
        return self._session


async def exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    longest: int = LONGEST_ANSWER,
    **arguments: Any,
) -> Answer:
    """Send one request and read at most `longest` bytes; redirects are not followed."""
    try:
        async with session.request(method, url, allow_redirects=False, **arguments) as response:
            body, whole = await _read(response, longest=longest)
            return Answer(status=response.status, headers=response.headers, body=body, whole=whole)
    except (aiohttp.ClientConnectorCertificateError, ssl.SSLError) as error:
        raise PartnerNeedsAttention("certificate_invalid") from error
    except aiohttp.ConnectionTimeoutError as error:
        raise PartnerUnavailable("connect_timed_out") from error
    except aiohttp.ClientConnectorError as error:
        raise PartnerUnavailable("connection_refused") from error
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
        raise PartnerNeedsAttention("address_invalid") from error
    except TimeoutError as error:
        raise OutcomeUnknown("timed_out") from error
    except (aiohttp.ClientError, OSError) as error:
        raise OutcomeUnknown("line_cut") from error


async def _read(response: aiohttp.ClientResponse, *, longest: int) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in response.content.iter_chunked(16 * 1024):
        body += chunk
        if len(body) > longest:
            # Reading on to keep the connection would be reading on without end.
            response.close()
            return bytes(body[:longest]), False
    return bytes(body), True
