"""Learn which partners there are, from the topic partner-directory."""

from collections.abc import Sequence

from services.intake.directory_store import insert_or_update_partners
from shared.contracts.events import PartnerDescribedV1
from shared.plumbing.database import Transaction


async def record_partners(tx: Transaction, described: Sequence[PartnerDescribedV1]) -> None:
    """Store what was last said of each partner."""
    latest: dict[str, PartnerDescribedV1] = {}
    for partner in described:
        known = latest.get(partner.partner_id)
        if known is None or partner.described_at >= known.described_at:
            latest[partner.partner_id] = partner
    await insert_or_update_partners(tx, list(latest.values()))
