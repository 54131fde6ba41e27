"""Settle the claims whose sender died before it could record: they may have been sent."""

from services.partner_adapters.delivery_store import list_expired_claims
from services.partner_adapters.record_deliveries import CallEnded
from services.partner_adapters.referral_progress import Outcome
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database


async def list_lost_calls(database: Database, *, partner_id: str, clock: Clock) -> list[CallEnded]:
    """The partner's calls that nobody can still be making, each as an unknown outcome.

    Recording them goes the way of every call: the epoch decides, should the sender be alive
    after all.
    """
    rows = await list_expired_claims(database, partner_id=partner_id, now=clock.now())
    return [
        CallEnded(
            delivery_id=row["delivery_id"],
            referral_id=row["referral_id"],
            epoch=row["epoch"],
            started_at=row["sending_since"],
            duration_ms=None,
            outcome=Outcome(kind="unknown", reason="sender_lost"),
        )
        for row in rows
    ]
