"""The small door where an agency calls back, which answers as a check orders."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from aiohttp import web
from pydantic import ValidationError
from pydantic_core import from_json
from standardwebhooks import Webhook

from services.partner_adapters.callback_signature import BadSignature, verify_signature
from services.partner_adapters.conformance.hearing import Hearing
from services.partner_adapters.status_message import StatusBatch, StatusMessage
from shared.plumbing.clock import Clock


@dataclass(frozen=True)
class Reply:
    """How one call is met. `hangs_up`: the line is cut instead of answering."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs_up: bool = False
    after: float = 0
    """Seconds taken before answering."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call as it came. `fault` is what is wrong with it, or empty."""

    method: str
    path: str
    content_type: str
    signature: str
    timestamp: str
    status_ids: Sequence[str]
    referral_ids: frozenset[UUID]
    fault: str
    at: float
    """On the clock that never goes back, in seconds."""
    reply: Reply


class CallbackDoor:
    """Meets the agency's calls; what it takes with a 2xx is heard."""

    def __init__(
        self, *, partner_id: str, keys: Sequence[Webhook], hearing: Hearing, clock: Clock
    ) -> None:
        self.path = f"/partners/{partner_id}/status"
        self.calls: list[Call] = []
        self._keys = keys
        self._hearing = hearing
        self._clock = clock
        self._orders: dict[UUID, deque[Reply]] = defaultdict(deque)

    def order(self, referral_id: UUID, *replies: Reply) -> None:
        """Meet the next calls about this referral so; those after them are taken."""
        self._orders[referral_id].extend(replies)

    def about(self, referral_id: UUID) -> list[Call]:
        """The calls about one referral, in the order they came."""
        return [call for call in self.calls if referral_id in call.referral_ids]

    def repeated(self, call: Call) -> Callable[[], bool]:
        """Whether the statuses of this call came again, by another call."""
        ids = set(call.status_ids)
        return lambda: sum(bool(ids & set(each.status_ids)) for each in self.calls) > 1

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Meet one call."""
        body = await request.read()
        messages, fault = self._read(request, body)
        referral_ids = frozenset(message.referral_id for message in messages)
        reply = self._reply(referral_ids, fault)
        self.calls.append(
            Call(
                method=request.method,
                path=request.path,
                content_type=request.content_type,
                signature=request.headers.get("webhook-signature", ""),
                timestamp=request.headers.get("webhook-timestamp", ""),
                status_ids=[message.id for message in messages],
                referral_ids=referral_ids,
                fault=fault,
                at=asyncio.get_running_loop().time(),
                reply=reply,
            )
        )
        await asyncio.sleep(reply.after)
        if reply.hangs_up and request.transport is not None:
            request.transport.abort()
        elif 200 <= reply.status < 300:
            self._hearing.add([message.as_status() for message in messages])
        self._hearing.say_there_is_news()
        return web.Response(status=reply.status, headers=reply.headers)

    def _reply(self, referral_ids: frozenset[UUID], fault: str) -> Reply:
        if fault:
            return Reply(401 if fault.startswith("signature") else 422)
        for referral_id in referral_ids:
            if self._orders[referral_id]:
                return self._orders[referral_id].popleft()
        return Reply()

    def _read(self, request: web.BaseRequest, body: bytes) -> tuple[list[StatusMessage], str]:
        if request.method != "POST" or request.path != self.path:
            return [], f"{request.method} {request.path}"
        try:
            content = from_json(body)
            if isinstance(content, dict) and "statuses" in content:
                messages = StatusBatch.model_validate(content).statuses
            else:
                messages = [StatusMessage.model_validate(content)]
        except ValidationError as error:
            fields = {".".join(map(str, each["loc"])) for each in error.errors()}
            return [], f"wrong: {', '.join(sorted(fields))}"
        except ValueError:
            return [], "not JSON"
        try:
            verify_signature(body, request.headers, keys=self._keys, now=self._clock.now())
        except BadSignature as error:
            return messages, f"signature: {error}"
        return messages, ""
