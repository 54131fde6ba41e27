"""The visitor, or an agent for them, answers an agency's question."""

import json
from uuid import UUID

from services.intake.announce import announce
from services.intake.case_store import find_state_for_update
from services.intake.creating_call import CreatingCall, answer_once
from services.intake.request_form import AnswerForm
from shared.contracts.events import RequestAnsweredV1, derive_id
from shared.contracts.personal import WrittenContent
from shared.contracts.referral_status import is_final
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.outbox import Outbox
from shared.plumbing.problem_details import FieldError, Problem
from shared.plumbing.sealing import Sealer


async def answer_question(
    case_id: UUID,
    form: AnswerForm,
    call: CreatingCall,
    *,
    database: Database,
    outbox: Outbox,
    sealer: Sealer,
    clock: Clock,
) -> str:
    """Send an answer to the agency that holds the referral.

    Raises `Problem` 404 for a case of another site, 422 for a referral that is not the case's,
    409 when that agency has finished or the case was withdrawn.
    """

    async def store(tx: Transaction) -> str:
        state = await find_state_for_update(tx, case_id, site_id=call.principal.site_id)
        if state is None:
            raise Problem(404)
        referral = state.facts.referrals.get(form.referral_id)
        if referral is None:
            raise Problem(
                422, errors=[FieldError("referral_id", "Ce dossier n’a pas cette orientation.")]
            )
        if state.facts.withdrawn or is_final(referral.status):
            raise Problem(409, "L’organisme a terminé : il n’attend plus de réponse.")
        now, account = clock.now(), call.principal.account
        answer_id = call.derive_id("answer")
        sealed = sealer.seal(WrittenContent(text=form.text), bound_to=case_id)
        event = RequestAnsweredV1(
            case_id=case_id,
            answer_id=answer_id,
            referral_id=form.referral_id,
            answered_at=now,
            answered_by=account,
            sealed=sealed,
        )
        await announce(
            tx,
            event,
            event_id=derive_id(event.TYPE, answer_id),
            site_id=state.site_id,
            facts={"by": account},
            at=now,
            outbox=outbox,
            referral_id=form.referral_id,
            partner_id=referral.partner_id,
            sealed=sealed,
        )
        return json.dumps({"case_id": str(case_id), "answer_id": str(answer_id)})

    return await answer_once(call, store, database=database, clock=clock)
