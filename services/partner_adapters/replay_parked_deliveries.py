"""A person lets a partner's parked deliveries go on, once what parked them is mended."""

from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from services.partner_adapters.action_store import insert_action, insert_parts
from services.partner_adapters.decisions_by_hand import send_again
from services.partner_adapters.delivery_store import lock_referrals, mark_progress
from services.partner_adapters.operations_store import Filter, count_by_reason, list_deliveries
from services.partner_adapters.record_deliveries import outgoing
from services.partner_adapters.referral_progress import DeliveryRules
from shared.contracts.delivery_state import DeliveryState
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.outbox import Outbox

log = structlog.get_logger()

MOST_AT_ONCE = 10_000
"""Deliveries let go by one call, so that it always ends in time; the next one does the rest."""
_BATCH = 500
"""Deliveries let go in one transaction."""


@dataclass(frozen=True)
class Replay:
    """What a replay found (`reasons`: how many of each), let go on, and left for the next."""

    parked_before: datetime
    reasons: dict[str, int]
    replayed: int = 0
    left: int = 0


async def preview_replay(database: Database, of: Filter, *, clock: Clock) -> Replay:
    """The dry run: what a replay would find now; nothing is changed."""
    now = clock.now()
    before = min(of.before or now, now)
    reasons = await count_by_reason(database, replace(of, before=before))
    return Replay(parked_before=before, reasons=reasons)


async def replay_parked_deliveries(
    database: Database,
    of: Filter,
    *,
    rules: DeliveryRules,
    account: str,
    outbox: Outbox,
    clock: Clock,
) -> Replay:
    """Make them due now, each with a whole new schedule, in batches of a transaction each.

    What is parked again meanwhile is not taken twice: only what was parked before it began. So
    two at the same time, or one after the other, let everything go once. If it is interrupted,
    the batches that were committed stay, and doing it again does the rest.
    """
    found = await preview_replay(database, of, clock=clock)
    of = replace(of, before=found.parked_before)
    async with database.transaction() as tx:
        action_id = await insert_action(
            tx,
            partner_id=of.partner_id,
            action="replayed",
            account=account,
            now=clock.now(),
            details={
                "reason": of.reason,
                "parked_before": found.parked_before.isoformat(),
                "reasons": found.reasons,
            },
        )
    replayed = 0
    while replayed < MOST_AT_ONCE:
        async with database.transaction() as tx:
            count = await _replay_batch(
                tx,
                of,
                rules=rules,
                account=account,
                action_id=action_id,
                outbox=outbox,
                clock=clock,
            )
        if count is None:
            break
        replayed += count
    left = sum((await count_by_reason(database, of)).values())
    log.info("parked_deliveries_replayed", partner_id=of.partner_id, count=replayed, left=left)
    return replace(found, replayed=replayed, left=left)


async def _replay_batch(
    tx: Transaction,
    of: Filter,
    *,
    rules: DeliveryRules,
    account: str,
    action_id: int,
    outbox: Outbox,
    clock: Clock,
) -> int | None:
    """How many this batch let go; None when nothing was left."""
    rows = await list_deliveries(tx, of, limit=_BATCH)
    if not rows:
        return None
    now = clock.now()
    referrals = await lock_referrals(tx, [row["referral_id"] for row in rows])
    events, resumed = [], []
    for row in rows:
        referral = referrals[row["referral_id"]]
        delivery = referral.delivery(row["delivery_id"])
        if delivery.state is not DeliveryState.PARKED:
            continue  # somebody else was faster
        said = send_again(referral, delivery, rules=rules, by=account, now=now)
        events += outgoing(referral, said)
        resumed.append(referral.referral_id)
    await mark_progress(tx, referrals.values())
    await outbox.append(tx, events)
    await insert_parts(tx, action_id, resumed, now=now)
    return len(resumed)
