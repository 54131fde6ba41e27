"""An agency's person at our portal: signs in at intake, signs in again when needed."""

import asyncio
from typing import Any

import aiohttp

from services.partner_simulators.callbacks import raise_unless_taken
from services.partner_simulators.outgoing import TryAgain

SECONDS_TO_ANSWER = 10


class PortalSession:
    """Requests to the portal under one account's short session."""

    def __init__(
        self,
        *,
        account: str,
        password: str,
        intake_url: str,
        portal_url: str,
        http: aiohttp.ClientSession,
    ) -> None:
        self._credentials = {"account": account, "password": password}
        self._sessions_url = f"{intake_url}/api/v1/sessions"
        self._portal_url = f"{portal_url}/api/v1/portal/referrals"
        self._http = http
        self._token: str | None = None
        self._turn = asyncio.Lock()

    async def get(self, path: str = "", *, query: dict[str, str]) -> Any:
        """Read JSON from the portal; raises TryAgain or GiveUp."""
        return await self._request("GET", path, params=query)

    async def post(self, path: str, *, content: object, idempotency_key: str) -> Any:
        """Send JSON to the portal; raises TryAgain or GiveUp."""
        headers = {"Idempotency-Key": idempotency_key}
        return await self._request("POST", path, json=content, headers=headers)

    async def _request(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **what: Any
    ) -> Any:
        try:
            token = await self._signed_in()
            async with self._http.request(
                method,
                self._portal_url + path,
                headers={"Authorization": f"Bearer {token}", **(headers or {})},
                timeout=aiohttp.ClientTimeout(total=SECONDS_TO_ANSWER),
                allow_redirects=False,
                **what,
            ) as response:
                if response.status == 401:
                    self._forget(token)
                    raise TryAgain("401")
                raise_unless_taken(response)
                return await response.json() if response.status != 204 else None
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
            raise TryAgain(type(error).__name__) from error

    async def _signed_in(self) -> str:
        async with self._turn:  # many clicks, one sign-in
            if self._token is None:
                self._token = await self._sign_in()
            return self._token

    async def _sign_in(self) -> str:
        async with self._http.post(
            self._sessions_url,
            json=self._credentials,
            timeout=aiohttp.ClientTimeout(total=SECONDS_TO_ANSWER),
        ) as response:
            if response.status != 200:
                # the account may not have been made yet: also worth another try
                raise TryAgain(f"sign_in_{response.status}")
            return str((await response.json())["token"])

    def _forget(self, token: str) -> None:
        if self._token == token:
            self._token = None
