"""A person at a portal agency moves a referral on, or writes about it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.partner_adapters.collect_statuses import RecordStatuses
from services.partner_adapters.partner_adapter import PartnerStatus
from services.partner_adapters.portal_store import insert_agency_message
from services.partner_adapters.status_store import Said
from shared.contracts.personal import WrittenContent
from shared.plumbing.database import Transaction
from shared.plumbing.sealing import Sealer


class NothingFollows(Exception):
    """The referral is already past that status, or is over."""


@dataclass(frozen=True)
class PortalAnswer:
    """What the person said of a referral that is theirs to see. `word`: one of ours."""

    status_id: UUID
    partner_id: str
    case_id: UUID
    referral_id: UUID
    word: str
    reason_word: str | None
    message: str | None
    at: datetime


async def answer_from_portal(
    tx: Transaction, answer: PortalAnswer, *, record: RecordStatuses, sealer: Sealer
) -> None:
    """Record it as any partner's status, and keep the message in the inbox.

    Raises `NothingFollows`: unlike a machine's, a person's late word is worth saying so.
    """
    status = PartnerStatus(
        status_id=str(answer.status_id),
        referral_id=answer.referral_id,
        word=answer.word,
        at=answer.at,
        reason_word=answer.reason_word,
        message=answer.message,
    )
    recorded = await record(tx, [Said(partner_id=answer.partner_id, status=status)])
    if recorded == ["kept"]:
        raise NothingFollows
    if answer.message:
        sealed = sealer.seal(WrittenContent(text=answer.message), bound_to=answer.case_id)
        await insert_agency_message(
            tx,
            message_id=answer.status_id,
            referral_id=answer.referral_id,
            at=answer.at,
            sealed=sealed,
        )
