"""Intake's door for watching: the events of a site as they happen, and a visitor's tracking."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from fastapi import FastAPI, Header, Response
from fastapi.responses import JSONResponse, StreamingResponse

from services.intake.case_views import show_to_visitor
from services.intake.door_parts import DoorParts, Parts
from services.intake.http_answers import CaseForVisitor
from services.intake.timeline_store import News, Position, list_timeline
from services.intake.track_case import track_case
from shared.plumbing.access import SESSION_LASTS, Principal
from shared.plumbing.http_door import FieldError, Problem, allow, documented_problem, public

_HEARTBEAT = 15.0
"""Seconds; less than what proxies wait for before they cut a silent line."""
_COME_BACK_AFTER_SECONDS = "30"
_EVENT_ID = re.compile(r"([0-9]{1,19})-([0-9]{1,18})")
_FACTS_SHOWN = ("status", "refusal_reason", "decision", "urgent", "danger", "reason", "owner")


def add_live_routes(app: FastAPI) -> None:
    """Add the routes that are watched rather than called."""

    @app.get(
        "/api/v1/events",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {}}},
            429: documented_problem("This account follows too many times at once"),
        },
    )
    async def events(
        reader: Annotated[Principal, allow("bus", "api", "agent", "supervisor")],
        parts: Parts,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> StreamingResponse:
        """Server-sent events of the caller's site; `Last-Event-ID` resumes where it stopped.

        The stream ends when a session does: the browser comes back with the renewed one.
        """
        after = _read_event_id(last_event_id)
        if not parts.feed.has_room_for(reader.account):
            raise Problem(429, headers={"Retry-After": _COME_BACK_AFTER_SECONDS})
        stream = _stream(parts, reader=reader, after=after)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    @app.get(
        "/api/v1/track/{reference}",
        dependencies=[public()],
        responses={200: {"model": CaseForVisitor}},
    )
    async def track(
        reference: str,
        parts: Parts,
        x_tracking_secret: Annotated[str, Header(max_length=200)] = "",
    ) -> Response:
        """A case as its visitor sees it; 404 whether the reference or the secret is wrong."""
        case = await track_case(reference, x_tracking_secret, database=parts.database)
        shown = show_to_visitor(
            case,
            await list_timeline(parts.database, case.case_id),
            sealer=parts.sealer,
            partner_names=(await parts.known_directory.get()).partner_names,
        )
        return JSONResponse(shown)


async def _stream(
    parts: DoorParts, *, reader: Principal, after: Position | None
) -> AsyncIterator[str]:
    ends_at = parts.clock.now() + SESSION_LASTS
    yield "retry: 2000\n\n"
    following = parts.feed.follow(
        reader.site_id or "", account=reader.account, after=after, heartbeat=_HEARTBEAT
    )
    async for news in following:
        yield _write(news) if news is not None else ": toujours là\n\n"
        if parts.clock.now() >= ends_at:
            return


def _write(news: News) -> str:
    data = json.dumps(_show(news), ensure_ascii=False)
    return f"id: {news.position.xid}-{news.position.id}\nevent: case\ndata: {data}\n\n"


def _show(news: News) -> Mapping[str, Any]:
    return {
        "case_id": str(news.case_id),
        "reference": news.reference,
        "status": news.status,
        "kind": news.kind,
        "at": news.at.isoformat(),
        "referral_id": str(news.referral_id) if news.referral_id else None,
        "partner_id": news.partner_id,
        "facts": {name: news.facts[name] for name in _FACTS_SHOWN if name in news.facts},
    }


def _read_event_id(event_id: str | None) -> Position | None:
    if not event_id:
        return None
    matched = _EVENT_ID.fullmatch(event_id)
    if matched is None:
        raise Problem(
            422, errors=[FieldError("last-event-id", "Cet identifiant n’est pas l’un des nôtres.")]
        )
    return Position(xid=int(matched[1]), id=int(matched[2]))
