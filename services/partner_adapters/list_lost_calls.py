"""Find the claims whose sender died before it could record: they may have been sent."""

from services.partner_adapters.claim_store import list_expired_claims
from services.partner_adapters.partner_file import PartnerFile
from services.partner_adapters.record_deliveries import CallEnded
from services.partner_adapters.referral_progress import Outcome
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database


async def list_lost_calls(
    database: Database, *, partner: PartnerFile, owner: str, clock: Clock
) -> list[CallEnded]:
    """The partner's calls that ended without a word, each as an unknown outcome.

    Only for the process that holds the partner's lock. Another process's claim is lost at
    once where the partner recognises repetitions; elsewhere only when nobody can still be
    sending. Recording goes the way of every call: the epoch decides.
    """
    rows = await list_expired_claims(
        database,
        partner_id=partner.id,
        owner=owner,
        others_at_once=partner.after_unknown == "resend",
        now=clock.now(),
    )
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
