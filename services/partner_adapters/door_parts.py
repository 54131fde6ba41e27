"""What the routes of this service's door work with; there once the service has started."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.partner_adapters.partner_environment import ConnectedPartner
from services.partner_adapters.record_partner_status import Recorded, RecordStatuses
from services.partner_adapters.status_store import Said
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database
from shared.plumbing.group_commit import GroupCommit
from shared.plumbing.outbox import Outbox
from shared.plumbing.problem_details import Problem
from shared.plumbing.sealing import Sealer

CallbackCommit = GroupCommit[Sequence[Said], Sequence[Recorded]]


@dataclass(frozen=True, kw_only=True)
class DoorParts:
    partners: Mapping[str, ConnectedPartner]
    database: Database
    callbacks: CallbackCommit
    record: RecordStatuses
    outbox: Outbox
    sealer: Sealer
    clock: Clock

    def partner(self, partner_id: str) -> ConnectedPartner:
        """One that this process serves; raises `Problem` 404."""
        partner = self.partners.get(partner_id)
        if partner is None:
            raise Problem(404)
        return partner


async def _parts(request: Request) -> DoorParts:
    # async, although it waits for nothing: FastAPI would run it in a thread otherwise
    parts: DoorParts = request.app.state.parts
    return parts


Parts = Annotated[DoorParts, Depends(_parts)]
