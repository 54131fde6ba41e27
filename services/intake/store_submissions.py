"""Store the requests that came in together: one transaction, one commit for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.intake.case_reference import make_reference
from services.intake.case_store import CaseAlreadyExists, NewCase, insert_cases
from services.intake.creating_call import CreatingCall, find_kept_answers, keep_answers
from services.intake.timeline_entry import TimelineEntry, kind_of
from shared.contracts.events import RequestSubmittedV1, derive_id
from shared.contracts.personal import SealedContent
from shared.contracts.topics import CASE_REQUESTS
from shared.plumbing.database import Transaction
from shared.plumbing.outbox import Outbox, OutgoingEvent
from shared.plumbing.problem_details import Problem
from shared.plumbing.sealing import Sealer


@dataclass(frozen=True)
class Submission:
    """A request ready to be stored; its reference changes when it turns out to be taken."""

    call: CreatingCall
    case: NewCase
    tracking_secret: str = field(repr=False)
    trace: Mapping[str, str]


class Receipt(SealedContent):
    """What the sender is told; sealed where it is kept, because it holds the tracking secret."""

    case_id: UUID
    reference: str
    tracking_secret: str
    status: str


async def store_submissions(
    tx: Transaction, submissions: Sequence[Submission], *, outbox: Outbox, sealer: Sealer
) -> list[str]:
    """Store each request, its first timeline line and `request.submitted`, unless it was.

    Gives the sealed `Receipt` of each, the first one again for a call that was answered before.
    Raises `Problem` 409 and 422 as idempotency keys do; then none is stored, and the caller
    tries each alone.
    """
    kept = await find_kept_answers(tx, [submission.call for submission in submissions])
    new = [each for each, receipt in zip(submissions, kept, strict=True) if receipt is None]
    if not new:
        return [receipt for receipt in kept if receipt is not None]
    stored = await _insert(tx, new)
    await outbox.append(tx, [_outgoing(submission) for submission in stored.values()])
    receipts = {case_id: _receipt(each, sealer=sealer) for case_id, each in stored.items()}
    await keep_answers(
        tx,
        [(each.call, receipts[case_id]) for case_id, each in stored.items()],
        now=new[0].case.received_at,
    )
    return [
        receipt if receipt is not None else receipts[each.case.case_id]
        for each, receipt in zip(submissions, kept, strict=True)
    ]


async def _insert(tx: Transaction, submissions: Sequence[Submission]) -> dict[UUID, Submission]:
    waiting = list(submissions)
    stored: dict[UUID, Submission] = {}
    while waiting:  # until each has a reference that no case has: 31⁸ are possible
        try:
            ids = await insert_cases(tx, [(each.case, _first_entry(each.case)) for each in waiting])
        except CaseAlreadyExists:
            # The answer kept under this key was forgotten long ago; its case was not.
            raise Problem(409, "Cette demande a déjà été reçue.") from None
        stored |= {each.case.case_id: each for each in waiting if each.case.case_id in ids}
        waiting = [
            replace(each, case=replace(each.case, reference=make_reference()))
            for each in waiting
            if each.case.case_id not in ids
        ]
    return stored


def _receipt(submission: Submission, *, sealer: Sealer) -> str:
    receipt = Receipt(
        case_id=submission.case.case_id,
        reference=submission.case.reference,
        tracking_secret=submission.tracking_secret,
        status="received",
    )
    return sealer.seal(receipt, bound_to=submission.case.case_id)


def _outgoing(submission: Submission) -> OutgoingEvent:
    case = submission.case
    return OutgoingEvent(
        topic=CASE_REQUESTS.name,
        event_id=_event_id(case.case_id),
        data=_submitted(case),
        trace=submission.trace,
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


def _first_entry(case: NewCase) -> TimelineEntry:
    return TimelineEntry(
        event_id=_event_id(case.case_id),
        case_id=case.case_id,
        kind=kind_of(RequestSubmittedV1),
        at=case.received_at,
        facts={"channel": case.channel, "by": case.submitted_by},
    )


def _event_id(case_id: UUID) -> UUID:
    return derive_id(RequestSubmittedV1.TYPE, case_id)
