"""Who is asking: a station by its bearer token, a person by their session."""

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta

from fastapi import Request

from services.intake.account_store import find_token_holder
from shared.plumbing.access import InvalidSession, Principal, SessionVerifier, hash_token
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database
from shared.plumbing.http_access import session_token

_TOKEN_KEPT = timedelta(seconds=30)
"""How long a revoked token may still be believed."""
_TOKENS_KEPT = 5_000


class Authenticator:
    """Reads `Authorization: Bearer …` or the session cookie.

    A session is a JWT and has dots; a station's token has none.
    """

    def __init__(self, *, database: Database, verifier: SessionVerifier, clock: Clock) -> None:
        self._database = database
        self._verifier = verifier
        self._clock = clock
        self._looking_up: dict[bytes, asyncio.Task[Principal | None]] = {}
        self._tokens: OrderedDict[bytes, tuple[datetime, Principal]] = OrderedDict()

    async def __call__(self, request: Request) -> Principal | None:
        token = session_token(request)
        if token is None:
            return None
        return self._session_holder(token) if "." in token else await self._token_holder(token)

    async def _token_holder(self, token: str) -> Principal | None:
        key = hash_token(token)
        kept = self._tokens.get(key)
        if kept is not None and self._clock.now() - kept[0] < _TOKEN_KEPT:
            return kept[1]
        # The calls of one station come together: one of them looks its token up for all.
        looking_up = self._looking_up.get(key)
        if looking_up is None:
            looking_up = self._looking_up[key] = asyncio.create_task(self._look_up(key))
            looking_up.add_done_callback(lambda _: self._looking_up.pop(key, None))
        return await asyncio.shield(looking_up)

    async def _look_up(self, key: bytes) -> Principal | None:
        found = await find_token_holder(self._database, key)
        if found is None:
            self._tokens.pop(key, None)
            return None
        self._tokens[key] = (self._clock.now(), found)
        self._tokens.move_to_end(key)
        if len(self._tokens) > _TOKENS_KEPT:
            self._tokens.popitem(last=False)
        return found

    def _session_holder(self, session: str) -> Principal | None:
        try:
            return self._verifier.verify(session, now=self._clock.now())
        except InvalidSession:
            return None
