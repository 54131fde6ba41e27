"""Accept a visitor's request: stored and announced in one transaction."""

from datetime import datetime
from uuid import UUID

from services.intake.case_reference import make_reference
from services.intake.case_store import NewCase
from services.intake.creating_call import CallsInFlight, CreatingCall
from services.intake.directory import Directory
from services.intake.known_directory import KnownDirectory
from services.intake.request_form import RequestForm
from services.intake.request_rules import list_forbidden_fields, list_wrong_fields, station_of
from services.intake.store_submissions import Receipt, Submission
from shared.contracts.events import AgencyChoices, ConsentGiven
from shared.contracts.personal import RequestContent, Visitor
from shared.plumbing.access import hash_token, new_token
from shared.plumbing.clock import Clock
from shared.plumbing.group_commit import GroupCommit
from shared.plumbing.problem_details import Problem
from shared.plumbing.sealing import Sealer
from shared.plumbing.tracing import current_trace


async def submit_request(
    form: RequestForm,
    call: CreatingCall,
    *,
    known_directory: KnownDirectory,
    submissions: GroupCommit[Submission, str],
    in_flight: CallsInFlight,
    sealer: Sealer,
    clock: Clock,
) -> Receipt:
    """Accept the request once per key; it is stored for good when this returns.

    Raises `Problem` 422 naming each wrong field, 403 for another's site, channel or station,
    409 while the same call is being worked on.
    """
    now = clock.now()
    directory = await known_directory.get(naming_site=form.site_id)
    _refuse_wrong_fields(form, call, directory=directory, now=now)
    case_id, secret = call.derive_id("case"), new_token()
    sealed = sealer.seal(_content(form), bound_to=case_id)
    case = _new_case(form, call, case_id=case_id, secret=secret, sealed=sealed, now=now)
    with in_flight.hold(call):
        receipt = await submissions.submit(
            Submission(call=call, case=case, tracking_secret=secret, trace=current_trace())
        )
    return sealer.open(receipt, Receipt, bound_to=case_id)


def _refuse_wrong_fields(
    form: RequestForm, call: CreatingCall, *, directory: Directory, now: datetime
) -> None:
    if wrong := list_wrong_fields(form, directory=directory, now=now):
        raise Problem(422, errors=wrong)
    if forbidden := list_forbidden_fields(form, principal=call.principal):
        raise Problem(403, errors=forbidden)


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
