"""A person decides where a case, or one of its referrals, must go instead."""

import json
from uuid import UUID

from services.intake.announce import announce
from services.intake.case_facts import CaseFacts
from services.intake.case_store import find_state_for_update
from services.intake.creating_call import CreatingCall, answer_once
from services.intake.known_directory import KnownDirectory
from services.intake.request_form import RerouteForm
from services.intake.request_rules import list_unknown_partners
from shared.contracts.events import RequestRerouteAskedV1, derive_id
from shared.contracts.referral_status import ReferralStatus, is_final
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.outbox import Outbox
from shared.plumbing.problem_details import FieldError, Problem


async def ask_reroute(
    case_id: UUID,
    form: RerouteForm,
    call: CreatingCall,
    *,
    known_directory: KnownDirectory,
    database: Database,
    outbox: Outbox,
    clock: Clock,
) -> str:
    """Ask the router to send the case elsewhere; it waits a little, so that it can be undone.

    Raises `Problem` 404 for a case of another site, 422 for an unknown partner or a referral
    that is not the case's, 409 when the agency has finished or the case was withdrawn.
    """
    wrong = list_unknown_partners(
        form.partners, field="partners", directory=await known_directory.get()
    )
    if wrong:
        raise Problem(422, errors=wrong)

    async def store(tx: Transaction) -> str:
        state = await find_state_for_update(tx, case_id, site_id=call.principal.site_id)
        if state is None:
            raise Problem(404)
        _refuse_if_settled(state.facts, form.referral_id)
        now, account = clock.now(), call.principal.account
        reroute_id = call.derive_id("reroute")
        event = RequestRerouteAskedV1(
            case_id=case_id,
            reroute_id=reroute_id,
            referral_id=form.referral_id,
            partners=tuple(dict.fromkeys(form.partners)),
            asked_at=now,
            asked_by=account,
        )
        await announce(
            tx,
            event,
            event_id=derive_id(event.TYPE, reroute_id),
            site_id=state.site_id,
            facts={"by": account, "partners": list(event.partners)},
            at=now,
            outbox=outbox,
            referral_id=form.referral_id,
        )
        return json.dumps({"case_id": str(case_id), "reroute_id": str(reroute_id)})

    return await answer_once(call, store, database=database, clock=clock)


def _refuse_if_settled(facts: CaseFacts, referral_id: UUID | None) -> None:
    if facts.withdrawn:
        raise Problem(409, "Ce dossier a été retiré.")
    if referral_id is None:
        return
    referral = facts.referrals.get(referral_id)
    if referral is None:
        raise Problem(
            422, errors=[FieldError("referral_id", "Ce dossier n’a pas cette orientation.")]
        )
    refused = referral.status is ReferralStatus.REFUSED
    if referral_id in facts.recalled or (is_final(referral.status) and not refused):
        raise Problem(409, "L’organisme a terminé : cette orientation ne peut plus changer.")
