"""Operations on partners, by API: how each does, pause and resume."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel

from services.partner_adapters.door_parts import DoorParts, Parts
from services.partner_adapters.partner_store import (
    find_condition,
    list_actions,
    list_conditions,
)
from services.partner_adapters.pause_partner import pause_partner
from shared.plumbing.access import Principal
from shared.plumbing.database import Row
from shared.plumbing.http_door import Problem, allow

Operator = Annotated[Principal, allow("operations")]


class PartnerCondition(BaseModel):
    """How a partner does, and what of its deliveries is not finished."""

    partner_id: str
    name: str
    kind: str
    accepting: bool
    paused: bool
    paused_at: datetime | None
    paused_by: str | None
    breaker: str
    breaker_since: datetime | None
    needs_attention: str | None
    needs_attention_since: datetime | None
    due: int
    oldest_due_at: datetime | None
    sending: int
    uncertain: int
    parked: int


class PartnersPage(BaseModel):
    partners: list[PartnerCondition]


class PartnerAction(BaseModel):
    action: str
    account: str
    at: datetime


class PartnerInDetail(PartnerCondition):
    address: str | None
    after_unknown: str
    permitted_fields: tuple[str, ...]
    actions: list[PartnerAction]


def add_partner_routes(app: FastAPI) -> None:
    """Add the operations routes."""

    @app.get(
        "/api/v1/partners",
        dependencies=[allow("operations")],
        summary="How each partner does",
    )
    async def list_partners(parts: Parts) -> PartnersPage:
        rows = await list_conditions(parts.database)
        return PartnersPage(
            partners=[
                PartnerCondition(**_condition(row, parts))
                for row in rows
                if row["partner_id"] in parts.partners
            ]
        )

    @app.get(
        "/api/v1/partners/{partner_id}",
        dependencies=[allow("operations")],
        summary="One partner, with who did what to it",
    )
    async def show_partner(partner_id: str, parts: Parts) -> PartnerInDetail:
        return await _in_detail(partner_id, parts)

    @app.post("/api/v1/partners/{partner_id}/pause", summary="Hold back its deliveries")
    async def pause(partner_id: str, parts: Parts, principal: Operator) -> PartnerInDetail:
        return await _set_paused(partner_id, parts, principal, paused=True)

    @app.post("/api/v1/partners/{partner_id}/resume", summary="Let its deliveries go on")
    async def resume(partner_id: str, parts: Parts, principal: Operator) -> PartnerInDetail:
        return await _set_paused(partner_id, parts, principal, paused=False)


async def _set_paused(
    partner_id: str, parts: DoorParts, principal: Principal, *, paused: bool
) -> PartnerInDetail:
    if partner_id not in parts.partners:
        raise Problem(404)
    async with parts.database.transaction() as tx:
        await pause_partner(
            tx, partner_id, paused=paused, account=principal.account, clock=parts.clock
        )
    return await _in_detail(partner_id, parts)


async def _in_detail(partner_id: str, parts: DoorParts) -> PartnerInDetail:
    partner = parts.partners.get(partner_id)
    row = await find_condition(parts.database, partner_id)
    if partner is None or row is None:
        raise Problem(404)
    actions = await list_actions(parts.database, partner_id)
    return PartnerInDetail(
        **_condition(row, parts),
        address=partner.address,
        after_unknown=partner.file.after_unknown,
        permitted_fields=partner.file.permitted_fields,
        actions=[PartnerAction(**dict(action)) for action in actions],
    )


def _condition(row: Row, parts: DoorParts) -> dict[str, Any]:
    file = parts.partners[row["partner_id"]].file
    return {
        **dict(row),
        "name": file.name,
        "kind": file.kind,
        "accepting": file.accepting,
        "paused": row["paused_at"] is not None,
    }
