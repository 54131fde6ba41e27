"""A person at a portal agency moves a referral on, or writes about it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from services.partner_adapters import SCHEMA
from services.partner_adapters.partner_adapter import PartnerStatus
from services.partner_adapters.portal_store import find_in_inbox, insert_agency_message
from services.partner_adapters.record_partner_status import RecordStatuses
from services.partner_adapters.status_store import Said
from shared.contracts.events import derive_id
from shared.contracts.personal import WrittenContent
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.idempotency import KeyedCall, answer_once
from shared.plumbing.problem_details import Problem
from shared.plumbing.sealing import Sealer


@dataclass(frozen=True)
class PortalAnswer:
    """What the person said of a referral. `word` and `reason_word`: ours."""

    referral_id: UUID
    word: str
    reason_word: str | None
    message: str | None


async def answer_from_portal(
    said: PortalAnswer,
    call: KeyedCall,
    *,
    units: Mapping[str, frozenset[str]],
    database: Database,
    record: RecordStatuses,
    sealer: Sealer,
    clock: Clock,
) -> str:
    """Record it, once per key, as any partner's status, and keep the message in the inbox.

    Raises `Problem` 404 for a referral that `units` may not see, 409 when nothing follows (unlike
    a machine's, a person's late word is worth saying so), 409 and 422 as idempotency keys do.
    """

    async def act(tx: Transaction) -> str:
        now = clock.now()
        row = await find_in_inbox(tx, units=units, referral_id=said.referral_id)
        if row is None:
            raise Problem(404)
        status_id = derive_id("portal status", call.principal, call.key, said.referral_id)
        status = PartnerStatus(
            status_id=str(status_id),
            referral_id=said.referral_id,
            word=said.word,
            at=now,
            reason_word=said.reason_word,
            message=said.message,
        )
        if "kept" in await record(tx, [Said(partner_id=row["partner_id"], status=status)]):
            raise _nothing_follows()
        if said.message:
            await insert_agency_message(
                tx,
                message_id=status_id,
                referral_id=said.referral_id,
                at=now,
                sealed=sealer.seal(WrittenContent(text=said.message), bound_to=row["case_id"]),
            )
        return json.dumps({"status_id": str(status_id)})

    return await answer_once(call, act, schema=SCHEMA, database=database, clock=clock)


def _nothing_follows() -> Problem:
    return Problem(
        409,
        "Ce dossier a déjà dépassé cette étape.",
        code="status-not-possible",
        detail="Relisez le dossier : il a pu être traité ou retiré entre-temps.",
    )
