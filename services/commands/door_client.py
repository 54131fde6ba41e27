"""Asking the services' doors over HTTP, and telling their refusals to a person."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from services.commands.outcome import CommandFailed, NotReachable, WrongUsage

SECONDS_TO_ANSWER = 15
LARGEST_PAGE = 200


class DoorRefused(CommandFailed):
    """A door answered with an error; `status` is HTTP's."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class DoorClient:
    """Asks one service's door, as one bearer."""

    def __init__(self, http: aiohttp.ClientSession, *, url: str, token: str | None) -> None:
        self._http = http
        self._url = url
        self._token = token

    async def get(self, path: str, *, query: Mapping[str, str] | None = None) -> Any:
        """The JSON answered; raises `NotReachable`, `DoorRefused`."""
        return await self._ask("GET", path, params=query)

    async def post(
        self, path: str, content: object = None, *, idempotency_key: str | None = None
    ) -> Any:
        """The JSON answered, None for an empty answer; raises `NotReachable`, `DoorRefused`."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return await self._ask("POST", path, json=content, headers=headers)

    async def list_cases(self) -> AsyncIterator[dict[str, Any]]:
        """The cases this bearer may see, as intake lists them, the latest first."""
        query = {"limit": str(LARGEST_PAGE)}
        while True:
            page = await self.get("/api/v1/cases", query=query)
            for case in page["cases"]:
                yield case
            if not page["cursor"]:
                return
            query["after"] = page["cursor"]

    async def _ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **what: Any
    ) -> Any:
        bearer = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            async with self._http.request(
                method, self._url + path, headers={**bearer, **(headers or {})}, **what
            ) as response:
                if response.status >= 400:
                    raise await _refusal(response)
                return await response.json() if response.content_length != 0 else None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotReachable(
                f"No answer from {self._url}: {type(error).__name__}.",
                hint="Is it started? `aiguillage doctor` says what is missing.",
            ) from error


@asynccontextmanager
async def http_session(
    *, seconds_to_answer: float = SECONDS_TO_ANSWER
) -> AsyncIterator[aiohttp.ClientSession]:
    """One session with a time-out; cookies are not kept, the bearer is said each time."""
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=seconds_to_answer),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as http:
        yield http


async def open_session(http: aiohttp.ClientSession, *, intake_url: str, token: str) -> str:
    """Exchange a bearer token for a short session, which the other doors accept."""
    answer = await DoorClient(http, url=intake_url, token=token).post("/api/v1/sessions")
    return str(answer["token"])


async def sign_in(
    http: aiohttp.ClientSession, *, intake_url: str, account: str, password: str
) -> str:
    """A person's session token, good for 10 minutes."""
    answer = await DoorClient(http, url=intake_url, token=None).post(
        "/api/v1/sessions", {"account": account, "password": password}
    )
    return str(answer["token"])


async def is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    """Tell whether a health address answers 200 now."""
    try:
        async with http.get(url, timeout=aiohttp.ClientTimeout(total=3)) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def _refusal(response: aiohttp.ClientResponse) -> CommandFailed:
    try:
        problem = await response.json(content_type=None)
        title = str(problem.get("title") or response.reason)
        errors = [f"  {each['field']}: {each['message']}" for each in problem.get("errors", [])]
    except (ValueError, AttributeError, KeyError, TypeError):
        title, errors = str(response.reason), []
    message = "\n".join([f"{response.status} {title}", *errors])
    if response.status == 503:
        return NotReachable(message, hint="Something the service needs is missing: see doctor.")
    if response.status in {400, 422}:
        return WrongUsage(message)
    return DoorRefused(message, status=response.status)
