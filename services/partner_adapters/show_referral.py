"""A referral's whole life as this service knows it: what was handed over, tried, said and done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.partner_adapters.action_store import insert_action, list_referral_actions
from services.partner_adapters.operations_store import (
    find_referral,
    list_attempts_of,
    list_deliveries_of,
    list_statuses_of,
)
from shared.contracts.personal import WrittenContent
from shared.plumbing.clock import Clock
from shared.plumbing.database import Row, Transaction
from shared.plumbing.problem_details import Problem
from shared.plumbing.sealing import CannotOpen, Sealer


@dataclass(frozen=True)
class ReferralLife:
    """Rows as their stores say them. `answers` and `words` are empty unless they were opened."""

    referral: Row
    deliveries: Sequence[Row]
    attempts: Sequence[Row]
    statuses: Sequence[Row]
    actions: Sequence[Row]
    answers: Mapping[tuple[UUID, int], str]
    """What the partner answered to an attempt, by delivery and epoch."""
    words: Mapping[str, WrittenContent]
    """What the partner wrote, by status id."""


async def show_referral(
    tx: Transaction,
    referral_id: UUID,
    *,
    opened: bool,
    account: str,
    sealer: Sealer,
    clock: Clock,
) -> ReferralLife:
    """All there is; with `opened` the partner's words too, and then who looked is kept.

    Raises `Problem` 404. What no key opens any more is left out.
    """
    referral = await find_referral(tx, referral_id)
    if referral is None:
        raise Problem(404)
    attempts = await list_attempts_of(tx, referral_id)
    statuses = await list_statuses_of(tx, referral_id)
    answers: dict[tuple[UUID, int], str] = {}
    words: dict[str, WrittenContent] = {}
    if opened:
        await insert_action(
            tx,
            partner_id=referral["partner_id"],
            action="looked_at_words",
            account=account,
            now=clock.now(),
            referral_id=referral_id,
        )
        case_id = referral["case_id"]
        for row in attempts:
            if content := _open(row["answer"], case_id=case_id, sealer=sealer):
                answers[row["delivery_id"], row["epoch"]] = content.text
        for row in statuses:
            if content := _open(row["sealed"], case_id=case_id, sealer=sealer):
                words[row["status_id"]] = content
    return ReferralLife(
        referral=referral,
        deliveries=await list_deliveries_of(tx, referral_id),
        attempts=attempts,
        statuses=statuses,
        actions=await list_referral_actions(tx, referral_id),
        answers=answers,
        words=words,
    )


def _open(sealed: str | None, *, case_id: UUID, sealer: Sealer) -> WrittenContent | None:
    if sealed is None:
        return None
    try:
        return sealer.open(sealed, WrittenContent, bound_to=case_id)
    except CannotOpen:
        return None
