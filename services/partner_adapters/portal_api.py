"""The portal by API: people at an agency read their inbox, move referrals on, ask questions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator
from starlette.responses import JSONResponse, Response

from services.partner_adapters.answer_from_portal import PortalAnswer, answer_from_portal
from services.partner_adapters.door_parts import DoorParts, Parts
from services.partner_adapters.page_place import Place, read_place
from services.partner_adapters.portal_store import (
    HandedOver,
    find_in_inbox,
    list_inbox,
    list_messages,
)
from shared.contracts.personal import WrittenContent
from shared.plumbing.access import Principal
from shared.plumbing.database import Row
from shared.plumbing.http_door import (
    FieldRefused,
    Problem,
    allow,
    documented_problem,
    read_idempotency_key,
)
from shared.plumbing.idempotency import KeyedCall

AgencyPerson = Annotated[Principal, allow("partner")]


class PortalMessage(BaseModel):
    at: datetime
    written_by: Literal["agency", "house"]
    text: str


class PortalReferral(BaseModel):
    """A referral as the agency may see it; `visitor` holds only what it may receive."""

    referral_id: UUID
    case_reference: str
    partner: str
    unit: str | None
    urgent: bool
    status: str
    channel: str
    language: str | None
    demarches: list[dict[str, Any]]
    taken_at: datetime
    issued_at: datetime
    received_at: datetime
    withdrawn_at: datetime | None
    text: str
    visitor: dict[str, Any]
    messages: list[PortalMessage]


class PortalPage(BaseModel):
    referrals: list[PortalReferral]
    cursor: str | None


class PortalStatus(BaseModel):
    """What the person decided; a refusal says why, a question is asked in words."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["acknowledged", "in_progress", "needs_information", "resolved", "refused"]
    reason: Literal["not_competent", "outside_area", "duplicate", "incomplete", "other"] | None = (
        None
    )
    message: Annotated[str, StringConstraints(strip_whitespace=True, max_length=5000)] | None = None

    @model_validator(mode="after")
    def _says_enough(self) -> "PortalStatus":
        if self.status == "refused" and self.reason is None:
            raise FieldRefused("Un refus doit dire pourquoi (reason).")
        if self.status != "refused" and self.reason is not None:
            raise FieldRefused("Seul un refus a un motif (reason).")
        if self.status == "needs_information" and not self.message:
            raise FieldRefused("Écrivez la question à poser (message).")
        return self


_NOT_POSSIBLE = documented_problem("Already past that status, or the same key is still in flight")


def add_portal_routes(app: FastAPI) -> None:
    """Add the portal's routes."""

    @app.get("/api/v1/portal/referrals", summary="The inbox of my units, the longest waiting first")
    async def list_referrals(
        parts: Parts,
        principal: AgencyPerson,
        status: Literal["open", "closed", "all"] = "open",
        after: Annotated[str | None, Query(max_length=100)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> PortalPage:
        rows = await list_inbox(
            parts.database,
            units=principal.partner_units(),
            status=status,
            after=read_place(after),
            limit=limit + 1,
        )
        page = rows[:limit]
        last = page[-1] if len(rows) > limit else None
        return PortalPage(
            referrals=await _views(page, parts),
            cursor=Place(last["received_at"], last["referral_id"]).written() if last else None,
        )

    @app.get("/api/v1/portal/referrals/{referral_id}", summary="One referral")
    async def show_referral(
        referral_id: UUID, parts: Parts, principal: AgencyPerson
    ) -> PortalReferral:
        row = await find_in_inbox(
            parts.database, units=principal.partner_units(), referral_id=referral_id
        )
        if row is None:
            raise Problem(404)
        return (await _views([row], parts))[0]

    @app.post(
        "/api/v1/portal/referrals/{referral_id}/status",
        status_code=202,
        summary="Move a referral on, refuse it, ask a question",
        responses={409: _NOT_POSSIBLE},
    )
    async def set_status(
        *,
        referral_id: UUID,
        said: PortalStatus,
        request: Request,
        parts: Parts,
        principal: AgencyPerson,
        key: Annotated[str, Depends(read_idempotency_key)],
    ) -> Response:
        call = KeyedCall(
            principal=principal.account,
            key=key,
            body=str(referral_id).encode() + await request.body(),
        )
        answer = await answer_from_portal(
            PortalAnswer(
                referral_id=referral_id,
                word=said.status,
                reason_word=said.reason,
                message=said.message,
            ),
            call,
            units=principal.partner_units(),
            database=parts.database,
            record=parts.record,
            sealer=parts.sealer,
            clock=parts.clock,
        )
        return Response(answer, status_code=202, media_type=JSONResponse.media_type)


async def _views(rows: Sequence[Row], parts: DoorParts) -> list[PortalReferral]:
    messages: dict[UUID, list[Row]] = defaultdict(list)
    for message in await list_messages(parts.database, [row["referral_id"] for row in rows]):
        messages[message["referral_id"]].append(message)
    return [_view(row, messages[row["referral_id"]], parts) for row in rows]


def _view(row: Row, messages: Sequence[Row], parts: DoorParts) -> PortalReferral:
    case_id = row["case_id"]
    body: Mapping[str, Any] = parts.sealer.open(row["sealed"], HandedOver, bound_to=case_id).body
    return PortalReferral(
        **{name: body[name] for name in _AS_HANDED_OVER},
        referral_id=row["referral_id"],
        partner=row["partner_id"],
        status=row["status"],
        received_at=row["received_at"],
        withdrawn_at=row["withdrawn_at"],
        messages=[
            PortalMessage(
                at=message["at"],
                written_by=message["written_by"],
                text=parts.sealer.open(message["sealed"], WrittenContent, bound_to=case_id).text,
            )
            for message in messages
        ],
    )


_AS_HANDED_OVER = (
    *("case_reference", "unit", "urgent", "channel", "language"),
    *("demarches", "taken_at", "issued_at", "text", "visitor"),
)
