"""A portal of the kit's own: the service's form, invented referrals, and trouble by order."""

import asyncio
import json
import secrets
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web
from pydantic import ValidationError

from services.partner_adapters.conformance.callback_door import Reply
from services.partner_adapters.conformance.hearing import Hearing
from services.partner_adapters.handover import instant
from services.partner_adapters.partner_adapter import Delivery, PartnerStatus
from services.partner_adapters.portal_api import PortalStatus
from shared.contracts.referral_status import ReferralStatus, is_final, may_follow
from shared.plumbing.clock import Clock

ACCOUNT, PASSWORD = "essai", "essai-de-conformite"
PAGE = 3
"""Referrals on one page, however many are asked for: an inbox has several pages."""
LISTED = "/api/v1/portal/referrals"


@dataclass(frozen=True, kw_only=True)
class Click:
    """One status put on the portal, or one that was tried."""

    referral_id: UUID
    key: str
    body: bytes
    status: int
    """What it was answered; 0 when the line was cut."""
    at: float
    """On the clock that never goes back, in seconds."""


@dataclass
class _Row:
    shown: dict[str, Any]
    clicks: dict[str, bytes] = field(default_factory=dict)


class PortalDoor:
    """The inbox of one agency: what the adapter puts there, its people find."""

    def __init__(self, *, partner_id: str, hearing: Hearing, clock: Clock) -> None:
        self.clicks: list[Click] = []
        self.sign_ins = 0
        self.strange: list[str] = []
        """Calls that the portal does not have."""
        self._partner_id = partner_id
        self._hearing = hearing
        self._clock = clock
        self._rows: dict[UUID, _Row] = {}
        self._tokens: set[str] = set()
        self._orders: dict[UUID, deque[Reply]] = defaultdict(deque)

    async def put(self, delivery: Delivery, *, partner_id: str) -> None:  # noqa: ARG002
        """As the service's inbox does; see `Inbox`."""
        row = self._rows.get(delivery.referral_id)
        if delivery.what == "referral" and row is None:
            self._rows[delivery.referral_id] = _Row(self._shown(delivery))
        elif delivery.what == "answer" and row is not None:
            message = {"at": self._now(), "written_by": "house", "text": delivery.body["text"]}
            if message["text"] not in {each["text"] for each in row.shown["messages"]}:
                row.shown["messages"].append(message)
        elif delivery.what == "withdrawal" and row is not None:
            row.shown["withdrawn_at"] = row.shown["withdrawn_at"] or self._now()

    def order(self, referral_id: UUID, *replies: Reply) -> None:
        """Meet the next clicks on this referral so."""
        self._orders[referral_id].extend(replies)

    def release(self, referral_id: UUID) -> None:
        """From now on clicks on this referral are taken."""
        self._orders.pop(referral_id, None)

    def clicks_on(self, referral_id: UUID) -> list[Click]:
        return [click for click in self.clicks if click.referral_id == referral_id]

    def end_sessions(self) -> None:
        """Every token is over, as after ten minutes."""
        self._tokens.clear()

    async def close(self) -> None:
        """Its socket belongs to whoever listens."""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Meet one call."""
        match [request.method, *request.path.removeprefix("/api/v1/").split("/")]:
            case ["POST", "sessions"]:
                return self._sign_in(await request.read())
            case [_, "portal" | "sessions", *_] if not self._is_signed_in(request):
                return _json(401, {})
            case ["POST", "sessions", "renewal"]:
                return self._session()
            case _:
                return await self._inbox(request)

    async def _inbox(self, request: web.BaseRequest) -> web.StreamResponse:
        match [request.method, *request.path.removeprefix(LISTED).split("/")]:
            case ["GET", ""]:
                return self._list(request)
            case ["GET", "", id_]:
                row = self._find(id_)
                return _json(200, row.shown) if row else _json(404, {})
            case ["POST", "", id_, "status"]:
                return await self._click(request, id_)
            case _:
                self.strange.append(f"{request.method} {request.path}")
                return _json(404, {})

    def _sign_in(self, body: bytes) -> web.Response:
        try:
            said = json.loads(body)
            known = (said["account"], said["password"]) == (ACCOUNT, PASSWORD)
        except (ValueError, TypeError, KeyError):
            return _json(422, {})
        self.sign_ins += 1
        return self._session() if known else _json(401, {})

    def _session(self) -> web.Response:
        token = secrets.token_urlsafe(16)
        self._tokens.add(token)
        return _json(200, {"token": token, "expires_at": self._now()})

    def _is_signed_in(self, request: web.BaseRequest) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and token in self._tokens

    def _list(self, request: web.BaseRequest) -> web.Response:
        wanted, after = request.query.get("status", "open"), request.query.get("after")
        rows = [
            row.shown
            for row in self._rows.values()
            if wanted == "all" or is_final(row.shown["status"]) == (wanted == "closed")
        ]
        start = int(after) if after and after.isdigit() else 0
        following = [row for row in rows if row["number"] > start]
        page = following[:PAGE]
        cursor = str(page[-1]["number"]) if len(following) > PAGE else None
        return _json(200, {"referrals": page, "cursor": cursor})

    async def _click(self, request: web.BaseRequest, id_: str) -> web.StreamResponse:
        body, key = await request.read(), request.headers.get("Idempotency-Key", "")
        row = self._find(id_)
        if row is None:
            return _json(404, {})
        referral_id = UUID(id_)
        orders = self._orders[referral_id]
        reply = orders.popleft() if orders else self._taken(row, referral_id, key, body)
        self.clicks.append(
            Click(
                referral_id=referral_id,
                key=key,
                body=body,
                status=0 if reply.hangs_up else reply.status,
                at=asyncio.get_running_loop().time(),
            )
        )
        self._hearing.say_there_is_news()
        if reply.hangs_up and request.transport is not None:
            request.transport.abort()
        return web.Response(
            status=reply.status, body=b"{}", headers=reply.headers, content_type="application/json"
        )

    def _taken(self, row: _Row, referral_id: UUID, key: str, body: bytes) -> Reply:
        """Keep what was clicked, as the portal would; how it is answered."""
        if not key:
            return Reply(400)
        if key in row.clicks:
            return Reply(202 if row.clicks[key] == body else 422)
        try:
            said = PortalStatus.model_validate_json(body)
        except ValidationError:
            return Reply(422)
        status = ReferralStatus(said.status)
        if not may_follow(row.shown["status"], status):
            return Reply(409)
        row.clicks[key], row.shown["status"] = body, status
        if said.message:
            row.shown["messages"].append(
                {"at": self._now(), "written_by": "agency", "text": said.message}
            )
        self._hearing.add(
            [
                PartnerStatus(
                    status_id=f"{referral_id}/{key}",
                    referral_id=referral_id,
                    word=said.status,
                    at=self._clock.now(),
                    reason_word=said.reason,
                    message=said.message,
                )
            ]
        )
        return Reply(202)

    def _shown(self, delivery: Delivery) -> dict[str, Any]:
        return {
            **delivery.body,
            "number": len(self._rows) + 1,
            "partner": self._partner_id,
            "status": ReferralStatus.DELIVERED,
            "received_at": self._now(),
            "withdrawn_at": None,
            "messages": [],
        }

    def _find(self, id_: str) -> _Row | None:
        try:
            return self._rows.get(UUID(id_))
        except ValueError:
            return None

    def _now(self) -> str:
        return instant(self._clock.now())


def _json(status: int, content: object) -> web.Response:
    body = json.dumps(content, ensure_ascii=False).encode()
    return web.Response(status=status, body=body, content_type="application/json")
