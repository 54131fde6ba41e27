"""The router's HTTP door: the catalogue and the preview."""

import asyncio
import bisect
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from fastapi import Depends, FastAPI, Query, Request

from services.router.catalogue.entries import Catalogue
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.classification.letter import CompiledLetters, compile_letters
from services.router.http_answers import (
    DemarchesPage,
    PreviewAnswer,
    PreviewAsked,
    demarche_answer,
    preview_answer,
)
from services.router.partner_store import get_partners
from services.router.partners import Partners
from services.router.preview_letter import preview_letter
from services.router.preview_request import Known, Preview, preview_request
from shared.plumbing.access import Principal
from shared.plumbing.database import Database
from shared.plumbing.http_door import allow

_ANYBODY_AT_A_COUNTER = ("kiosk", "bus", "api", "agent", "supervisor", "triage", "operations")


@dataclass(frozen=True, kw_only=True)
class DoorParts:
    """What the routes work with; there once the service has started."""

    catalogue: Catalogue
    compiled: CompiledCatalogue
    database: Database

    @property
    def partner_names(self) -> dict[str, str]:
        return {partner.id: partner.name for partner in self.catalogue.partners.values()}

    @cached_property
    def letters(self) -> CompiledLetters:
        return compile_letters(self.catalogue.letters)


async def _parts(request: Request) -> DoorParts:
    parts: DoorParts = request.app.state.parts
    return parts


def _as_request(text: str, *, known: Known, parts: DoorParts, partners: Partners) -> Preview:
    return preview_request(
        text, known=known, catalogue=parts.catalogue, compiled=parts.compiled, partners=partners
    )


def _as_letter(text: str, *, known: Known, parts: DoorParts, partners: Partners) -> Preview:
    return preview_letter(
        text,
        known=known,
        catalogue=parts.catalogue,
        compiled=parts.compiled,
        letters=parts.letters,
        partners=partners,
    )


_READ_AS = {"request": _as_request, "letter": _as_letter}
Parts = Annotated[DoorParts, Depends(_parts)]
Someone = Annotated[Principal, allow(*_ANYBODY_AT_A_COUNTER)]


def add_routes(app: FastAPI) -> None:
    """Add the router's own routes to its door."""

    @app.get("/api/v1/demarches", summary="The démarches we know, by id")
    async def list_demarches(
        parts: Parts,
        principal: Someone,  # noqa: ARG001 - declares who may
        after: Annotated[str | None, Query(max_length=100)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> DemarchesPage:
        ids = sorted(parts.catalogue.demarches)
        start = bisect.bisect_right(ids, after) if after is not None else 0
        page = ids[start : start + limit]
        return DemarchesPage(
            demarches=tuple(
                demarche_answer(parts.catalogue.demarches[id_], partner_names=parts.partner_names)
                for id_ in page
            ),
            cursor=page[-1] if start + limit < len(ids) else None,
        )

    @app.post("/api/v1/preview", summary="What would go to whom, and why; nothing is kept")
    async def preview(
        asked: PreviewAsked,
        parts: Parts,
        principal: Someone,  # noqa: ARG001 - declares who may
    ) -> PreviewAnswer:
        partners = await get_partners(parts.database, listed=frozenset(parts.compiled.partner_ids))
        known = Known(
            language=asked.language,
            postcode=asked.postcode,
            insee=asked.insee,
            given=frozenset(asked.given),
        )
        read = _READ_AS[asked.kind]
        answer = await asyncio.to_thread(
            read, asked.text, known=known, parts=parts, partners=partners
        )
        return preview_answer(answer, partner_names=parts.partner_names)
