"""The triage's door: what waits for a person, one item at a time, and what they decide."""

import asyncio
import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Query, Request, Response

from services.router.catalogue.entries import Catalogue
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.decide_triage import decide_triage
from services.router.decision_store import find_case, find_case_of_held_decision
from services.router.partner_store import get_partners
from services.router.show_triage import show_triage
from services.router.triage_answers import (
    BodyNamed,
    DecisionForm,
    DecisionHeld,
    ItemListed,
    ItemShown,
    NextAsked,
    PartnerNamed,
    TriageChoices,
    TriagePage,
)
from services.router.triage_store import (
    Place,
    claim_next_item,
    find_holding,
    list_triage_items,
    mark_given_back,
)
from services.router.undo_decision import Which, latest_triage, undo_decision, with_id
from shared.plumbing.access import Principal
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database
from shared.plumbing.http_door import (
    FieldError,
    Problem,
    allow,
    documented_problem,
    read_idempotency_key,
)
from shared.plumbing.idempotency import KeyedCall
from shared.plumbing.sealing import Sealer

HOLD = timedelta(minutes=5)
"""How long an item is one person's: time to read it and to ask the visitor, not to forget it."""

Decider = Annotated[Principal, allow("triage", "supervisor")]
Person = Annotated[Principal, allow("agent", "triage", "supervisor")]
Key = Annotated[str, Depends(read_idempotency_key)]

_PAGE, _LARGEST_PAGE = 50, 200
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: documented_problem("The case has moved on, or is somebody else's")
}


@dataclass(frozen=True, kw_only=True)
class TriageParts:
    """What these routes work with; there once the service has started."""

    catalogue: Catalogue
    compiled: CompiledCatalogue
    database: Database
    sealer: Sealer
    clock: Clock
    undo: timedelta


async def _parts(request: Request) -> TriageParts:
    parts: TriageParts = request.app.state.triage
    return parts


Parts = Annotated[TriageParts, Depends(_parts)]


def add_triage_routes(app: FastAPI) -> None:
    """Add the routes under /api/v1/triage, and the one that undoes any person's decision."""
    _add_reading_routes(app)
    _add_deciding_routes(app)


def _add_reading_routes(app: FastAPI) -> None:
    @app.get("/api/v1/triage", summary="What waits for a person: danger, urgent, then the oldest")
    async def list_items(
        parts: Parts,
        decider: Decider,
        after: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=_LARGEST_PAGE)] = _PAGE,
    ) -> TriagePage:
        rows = await list_triage_items(
            parts.database,
            site_id=decider.site_id,
            after=_read_cursor(after),
            now=parts.clock.now(),
            limit=limit + 1,
        )
        page = [ItemListed.model_validate(dict(row)) for row in rows[:limit]]
        more = len(rows) > limit
        return TriagePage(
            items=tuple(page), cursor=_write_cursor(dict(rows[limit - 1])) if more else None
        )

    @app.get("/api/v1/triage/choices", summary="Who may be chosen")
    async def choices(
        parts: Parts,
        decider: Decider,  # noqa: ARG001 - declares who may
    ) -> TriageChoices:
        partners = await get_partners(parts.database, listed=frozenset(parts.catalogue.partners))
        return TriageChoices(
            partners=tuple(
                PartnerNamed(partner=partner.id, partner_name=partner.name)
                for partner in parts.catalogue.partners.values()
                if partner.id in partners.served
            ),
            bodies=tuple(
                BodyNamed(id=body.id, name=body.name, handles=body.handles)
                for body in sorted(parts.catalogue.bodies.values(), key=lambda body: body.name)
            ),
        )

    @app.post(
        "/api/v1/triage/next",
        summary="Hold the next item nobody else holds; again: the same, for longer",
        responses={
            200: {"model": ItemShown},
            204: {"description": "Nothing waits", "model": None},
        },
    )
    async def take_next(parts: Parts, decider: Decider, asked: NextAsked | None = None) -> Response:
        skip = asked.skip if asked is not None else ()
        while (case_id := await _claim(parts, decider, skip=skip)) is not None:
            shown = await _show(case_id, parts, decider)
            if shown is not None:
                return Response(shown.model_dump_json(), media_type="application/json")
            skip = (*skip, case_id)  # withdrawn in this very moment
        return Response(status_code=204)

    @app.get("/api/v1/triage/{case_id}", summary="All there is to decide on one case")
    async def show_item(case_id: UUID, parts: Parts, decider: Decider) -> ItemShown:
        shown = await _show(case_id, parts, decider)
        if shown is None:
            raise Problem(404)
        return shown

    @app.delete(
        "/api/v1/triage/{case_id}/hold",
        status_code=204,
        summary="Leave an item to others",
    )
    async def give_back(case_id: UUID, parts: Parts, decider: Decider) -> None:
        await mark_given_back(parts.database, case_id=case_id, account=decider.account)


def _add_deciding_routes(app: FastAPI) -> None:
    @app.post(
        "/api/v1/triage/{case_id}/decision",
        status_code=202,
        summary="Decide who acts; carried out a moment later, unless it is undone",
        responses={202: {"model": DecisionHeld}, **_CONFLICT},
    )
    async def decide(
        *,
        case_id: UUID,
        form: DecisionForm,
        decider: Decider,
        key: Key,
        request: Request,
        parts: Parts,
    ) -> Response:
        told_apart_by = f"{request.method} {request.url.path}\n".encode() + await request.body()
        answer = await decide_triage(
            case_id,
            form,
            KeyedCall(principal=decider.account, key=key, body=told_apart_by),
            decider=decider,
            database=parts.database,
            catalogue=parts.catalogue,
            clock=parts.clock,
            undo=parts.undo,
        )
        return Response(answer, status_code=202, media_type="application/json")

    @app.delete(
        "/api/v1/triage/{case_id}/decision",
        status_code=204,
        summary="Undo a decision that was not carried out yet",
        responses=_CONFLICT,
    )
    async def undo(case_id: UUID, parts: Parts, decider: Decider) -> None:
        await _undo(case_id, latest_triage, parts, decider)

    @app.delete(
        "/api/v1/decisions/{decision_id}",
        status_code=204,
        summary="Undo a re-route or a triage, by its id, before it is carried out",
        responses=_CONFLICT,
    )
    async def undo_by_id(decision_id: UUID, parts: Parts, person: Person) -> None:
        case_id = await find_case_of_held_decision(parts.database, decision_id=decision_id)
        if case_id is None:
            raise Problem(404)
        await _undo(case_id, with_id(decision_id), parts, person)


async def _undo(case_id: UUID, which: Which, parts: TriageParts, person: Principal) -> None:
    await undo_decision(
        case_id, which, person, database=parts.database, clock=parts.clock, hold=HOLD
    )


async def _claim(parts: TriageParts, decider: Principal, *, skip: tuple[UUID, ...]) -> UUID | None:
    now = parts.clock.now()
    return await claim_next_item(
        parts.database,
        account=decider.account,
        site_id=decider.site_id,
        skip=skip,
        now=now,
        until=now + HOLD,
    )


async def _show(case_id: UUID, parts: TriageParts, decider: Principal) -> ItemShown | None:
    """None when it does not wait for this person: decided, withdrawn, of another site."""
    async with parts.database.transaction() as tx:
        case = await find_case(tx, case_id=case_id)
        holding = await find_holding(tx, case_id=case_id, now=parts.clock.now())
    item = case.triage if case is not None else None
    if case is None or item is None or item.settling:
        return None
    if decider.site_id not in {None, item.site_id}:
        return None
    # Opening the text and reading it again are CPU work: the event loop must not wait for it.
    return await asyncio.to_thread(
        show_triage,
        case,
        item,
        holding,
        sealer=parts.sealer,
        catalogue=parts.catalogue,
        compiled=parts.compiled,
    )


def _write_cursor(row: dict[str, Any]) -> str:
    text = json.dumps([row["urgency"], row["opened_at"].isoformat(), str(row["case_id"])])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_cursor(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        urgency, opened_at, case_id = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        place = Place(
            urgency=int(urgency),
            opened_at=datetime.fromisoformat(opened_at),
            case_id=UUID(case_id),
        )
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        place = None
    if place is None or place.opened_at.tzinfo is None or not 0 <= place.urgency <= 2:
        raise Problem(422, errors=[FieldError("after", "Ce curseur n’est pas l’un des nôtres.")])
    return place
