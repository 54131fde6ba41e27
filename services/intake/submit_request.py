"""Accept a visitor's request: stored and announced in one transaction."""

from datetime import datetime
from uuid import UUID

from services.intake.announce import outgoing
from services.intake.case_reference import make_reference
from services.intake.case_store import CaseAlreadyExists, NewCase, insert_case
from services.intake.creating_call import CreatingCall, answer_once
from services.intake.directory import Directory
from services.intake.known_directory import KnownDirectory
from services.intake.request_form import RequestForm
from services.intake.request_rules import (
    list_forbidden_fields,
    list_wrong_fields,
    station_of,
)
from services.intake.timeline_entry import TimelineEntry, kind_of
from shared.contracts.events import (
    AgencyChoices,
    ConsentGiven,
    RequestSubmittedV1,
    derive_id,
)
from shared.contracts.personal import RequestContent, SealedContent, Visitor
from shared.plumbing.access import hash_token, new_token
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.outbox import Outbox
from shared.plumbing.problem_details import Problem
from shared.plumbing.sealing import Sealer


class Receipt(SealedContent):
    """What the sender is told; sealed where it is kept, because it holds the tracking secret."""

    case_id: UUID
    reference: str
    tracking_secret: str
    status: str


async def submit_request(
    form: RequestForm,
    call: CreatingCall,
    *,
    known_directory: KnownDirectory,
    database: Database,
    outbox: Outbox,
    sealer: Sealer,
    clock: Clock,
) -> Receipt:
    """Store the request, its first timeline line and `request.submitted`; once per key.

    Raises `Problem` 422 naming each wrong field, 403 for another's site, channel or station.
    """
    now = clock.now()
    directory = await known_directory.get(naming_site=form.site_id)
    _refuse_wrong_fields(form, call, directory=directory, now=now)
    case_id = call.derive_id("case")
    sealed = sealer.seal(_content(form), bound_to=case_id)

    async def store(tx: Transaction) -> str:
        secret = new_token()
        stored = False
        while not stored:  # until a reference is drawn that no case has: once in 31⁸ / cases
            case = _new_case(form, call, case_id=case_id, secret=secret, sealed=sealed, now=now)
            event = _submitted(case)
            stored = await _insert(tx, case, _first_entry(case, event))
        await outbox.append(tx, [outgoing(event, event_id=_event_id(case_id))])
        receipt = Receipt(
            case_id=case_id, reference=case.reference, tracking_secret=secret, status="received"
        )
        return sealer.seal(receipt, bound_to=case_id)

    kept = await answer_once(call, store, database=database, clock=clock)
    return sealer.open(kept, Receipt, bound_to=case_id)


def _refuse_wrong_fields(
    form: RequestForm, call: CreatingCall, *, directory: Directory, now: datetime
) -> None:
    if wrong := list_wrong_fields(form, directory=directory, now=now):
        raise Problem(422, errors=wrong)
    if forbidden := list_forbidden_fields(form, principal=call.principal):
        raise Problem(403, errors=forbidden)


async def _insert(tx: Transaction, case: NewCase, first: TimelineEntry) -> bool:
    try:
        return await insert_case(tx, case, first)
    except CaseAlreadyExists:
        # The answer kept under this key was forgotten long ago; its case was not.
        raise Problem(409, "Cette demande a déjà été reçue.") from None


def _content(form: RequestForm) -> RequestContent:
    return RequestContent(
        text=form.text,
        visitor=Visitor.model_validate(form.visitor.model_dump()),
        tell_by=form.tell_by,
    )


def _new_case(
    form: RequestForm,
    call: CreatingCall,
    *,
    case_id: UUID,
    secret: str,
    sealed: str,
    now: datetime,
) -> NewCase:
    taken_at = form.taken_at or now
    return NewCase(
        case_id=case_id,
        reference=make_reference(),
        tracking_secret_hash=hash_token(secret),
        site_id=form.site_id,
        station_id=form.station_id or station_of(call.principal),
        channel=form.channel,
        language=form.language,
        taken_at=taken_at,
        received_at=now,
        submitted_by=call.principal.account,
        consent=ConsentGiven(
            text_version=form.consent.text_version,
            given_at=form.consent.given_at or taken_at,
            given_by=form.consent.given_by,
            scope=form.consent.scope,
        ),
        choices=AgencyChoices(
            confirmed=form.agencies.confirmed,
            added=form.agencies.added,
            removed=form.agencies.removed,
        ),
        sealed=sealed,
    )


def _submitted(case: NewCase) -> RequestSubmittedV1:
    return RequestSubmittedV1(
        case_id=case.case_id,
        reference=case.reference,
        channel=case.channel,
        site_id=case.site_id,
        station_id=case.station_id,
        language=case.language,
        taken_at=case.taken_at,
        received_at=case.received_at,
        consent=case.consent,
        choices=case.choices,
        sealed=case.sealed,
    )


def _first_entry(case: NewCase, event: RequestSubmittedV1) -> TimelineEntry:
    return TimelineEntry(
        event_id=_event_id(case.case_id),
        case_id=case.case_id,
        kind=kind_of(event),
        at=case.received_at,
        facts={"channel": case.channel, "by": case.submitted_by},
    )


def _event_id(case_id: UUID) -> UUID:
    return derive_id(RequestSubmittedV1.TYPE, case_id)
