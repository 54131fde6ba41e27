"""Intake's door for stations, agents and API clients: requests, cases, and what follows."""

import base64
import binascii
import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

from services.intake.answer_question import answer_question
from services.intake.ask_reroute import ask_reroute
from services.intake.case_status import CaseStatus
from services.intake.case_store import PageStart, find_case, list_cases
from services.intake.case_views import show_summary, show_to_site
from services.intake.creating_call import CreatingCall
from services.intake.door_parts import Parts
from services.intake.http_answers import (
    Answer,
    AnswerAccepted,
    CaseShown,
    CasesPage,
    RequestAccepted,
    RerouteAccepted,
    WithdrawalAccepted,
)
from services.intake.request_form import AnswerForm, RequestForm, RerouteForm, WithdrawalForm
from services.intake.submit_request import submit_request
from services.intake.timeline_store import list_timeline
from services.intake.withdraw_request import withdraw_request
from shared.plumbing.access import Principal
from shared.plumbing.http_door import (
    FieldError,
    Problem,
    allow,
    documented_problem,
    read_idempotency_key,
)

Sender = Annotated[Principal, allow("kiosk", "bus", "api", "agent", "supervisor")]
Desk = Annotated[Principal, allow("bus", "api", "agent", "supervisor")]
Person = Annotated[Principal, allow("agent", "supervisor")]
Key = Annotated[str, Depends(read_idempotency_key)]

_PAGE = 50
_LARGEST_PAGE = 200


def add_case_routes(app: FastAPI) -> None:
    """Add the routes about requests and cases."""
    _add_submitting(app)
    _add_reading(app)
    _add_what_follows(app)


def _add_submitting(app: FastAPI) -> None:
    @app.post("/api/v1/requests", status_code=202, responses=_creating(RequestAccepted))
    async def submit(
        *, form: RequestForm, sender: Sender, key: Key, request: Request, parts: Parts
    ) -> Response:
        """Take a visitor's request; 202 once it is stored for good."""
        call = await _creating_call(request, sender, key)
        receipt = await submit_request(
            form,
            call,
            known_directory=parts.known_directory,
            submissions=parts.submissions,
            in_flight=parts.in_flight,
            sealer=parts.sealer,
            clock=parts.clock,
        )
        case, track = f"/api/v1/cases/{receipt.case_id}", f"/api/v1/track/{receipt.reference}"
        return JSONResponse(
            {**receipt.model_dump(mode="json"), "links": {"case": case, "track": track}},
            status_code=202,
            headers={"Location": case},
        )


def _add_reading(app: FastAPI) -> None:
    @app.get("/api/v1/cases", responses={200: {"model": CasesPage}})
    async def cases(
        reader: Desk,
        parts: Parts,
        status: CaseStatus | None = None,
        after: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=_LARGEST_PAGE)] = _PAGE,
    ) -> Response:
        """The cases of the caller's site, the latest first; `cursor` asks for the next page."""
        page = await list_cases(
            parts.database,
            site_id=reader.site_id or "",
            status=status,
            after=_read_cursor(after),
            limit=limit + 1,
        )
        last = page[limit - 1] if len(page) > limit else None
        names = (await parts.known_directory.get()).partner_names
        return JSONResponse(
            {
                "cases": [show_summary(case, partner_names=names) for case in page[:limit]],
                "cursor": _write_cursor(last.received_at, last.case_id) if last else None,
            }
        )

    @app.get("/api/v1/cases/{case_id}", responses={200: {"model": CaseShown}})
    async def case(case_id: UUID, reader: Desk, parts: Parts) -> Response:
        """A whole case of the caller's site."""
        found = await find_case(parts.database, case_id, site_id=reader.site_id)
        if found is None:
            raise Problem(404)
        shown = show_to_site(
            found,
            await list_timeline(parts.database, case_id),
            sealer=parts.sealer,
            partner_names=(await parts.known_directory.get()).partner_names,
        )
        return JSONResponse(shown)


def _add_what_follows(app: FastAPI) -> None:
    @app.post(
        "/api/v1/cases/{case_id}/withdrawal",
        status_code=202,
        responses=_creating(WithdrawalAccepted),
    )
    async def withdraw(
        *,
        case_id: UUID,
        sender: Desk,
        key: Key,
        request: Request,
        parts: Parts,
        _: WithdrawalForm | None = None,
    ) -> Response:
        """The visitor no longer wants any of it."""
        call = await _creating_call(request, sender, key)
        return _accepted(
            await withdraw_request(
                case_id, call, database=parts.database, outbox=parts.outbox, clock=parts.clock
            )
        )

    @app.post(
        "/api/v1/cases/{case_id}/answers",
        status_code=202,
        responses=_creating(AnswerAccepted),
    )
    async def answer(
        *, case_id: UUID, form: AnswerForm, sender: Desk, key: Key, request: Request, parts: Parts
    ) -> Response:
        """Answer an agency's question."""
        call = await _creating_call(request, sender, key)
        return _accepted(
            await answer_question(
                case_id,
                form,
                call,
                database=parts.database,
                outbox=parts.outbox,
                sealer=parts.sealer,
                clock=parts.clock,
            )
        )

    @app.post(
        "/api/v1/cases/{case_id}/reroute",
        status_code=202,
        responses=_creating(RerouteAccepted),
    )
    async def reroute(
        *,
        case_id: UUID,
        form: RerouteForm,
        sender: Person,
        key: Key,
        request: Request,
        parts: Parts,
    ) -> Response:
        """Send the case, or one of its referrals, elsewhere."""
        call = await _creating_call(request, sender, key)
        return _accepted(
            await ask_reroute(
                case_id,
                form,
                call,
                known_directory=parts.known_directory,
                database=parts.database,
                outbox=parts.outbox,
                clock=parts.clock,
            )
        )


def _creating(answer: type[Answer]) -> dict[int | str, dict[str, Any]]:
    """What a creating call may answer, besides what every call may."""
    conflict = "Not now: the same call is in flight, or the case has moved on"
    return {202: {"model": answer}, 409: documented_problem(conflict)}


async def _creating_call(request: Request, sender: Principal, key: str) -> CreatingCall:
    told_apart_by = f"{request.method} {request.url.path}\n".encode() + await request.body()
    return CreatingCall(principal=sender, key=key, body=told_apart_by)


def _accepted(answer: str) -> Response:
    return Response(answer, status_code=202, media_type="application/json")


def _write_cursor(received_at: datetime, case_id: UUID) -> str:
    text = json.dumps([received_at.isoformat(), str(case_id)])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_cursor(cursor: str | None) -> PageStart | None:
    if cursor is None:
        return None
    try:
        received_at, case_id = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        start = PageStart(received_at=datetime.fromisoformat(received_at), case_id=UUID(case_id))
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        start = None
    if start is None or start.received_at.tzinfo is None:
        raise Problem(422, errors=[FieldError("after", "Ce curseur n’est pas l’un des nôtres.")])
    return start
