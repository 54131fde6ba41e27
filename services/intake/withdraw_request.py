"""The visitor no longer wants any of it."""

import json
from uuid import UUID

from services.intake.announce import announce
from services.intake.case_status import CaseStatus
from services.intake.case_store import find_state_for_update, mark_withdrawn
from services.intake.creating_call import CreatingCall, answer_once
from shared.contracts.events import RequestWithdrawnV1, derive_id
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.outbox import Outbox
from shared.plumbing.problem_details import Problem


async def withdraw_request(
    case_id: UUID, call: CreatingCall, *, database: Database, outbox: Outbox, clock: Clock
) -> str:
    """Withdraw a case of the caller's site; withdrawing it again changes nothing.

    Raises `Problem` 404 for a case of another site, 409 when it is closed.
    """

    async def store(tx: Transaction) -> str:
        now, account = clock.now(), call.principal.account
        state = await find_state_for_update(tx, case_id, site_id=call.principal.site_id)
        if state is None:
            raise Problem(404)
        if state.status is CaseStatus.CLOSED:
            raise Problem(409, "Ce dossier est clos : il n’y a plus rien à retirer.")
        if not state.facts.withdrawn:
            await mark_withdrawn(tx, case_id, status=CaseStatus.WITHDRAWN, at=now, by=account)
            await announce(
                tx,
                RequestWithdrawnV1(case_id=case_id, withdrawn_at=now, withdrawn_by=account),
                event_id=derive_id(RequestWithdrawnV1.TYPE, case_id),
                site_id=state.site_id,
                facts={"by": account},
                at=now,
                outbox=outbox,
            )
        return json.dumps({"case_id": str(case_id), "status": CaseStatus.WITHDRAWN})

    return await answer_once(call, store, database=database, clock=clock)
