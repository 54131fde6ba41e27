"""All SQL on the router's copy of the partner directory."""

from collections.abc import Sequence

from services.router.partners import Partners
from shared.contracts.events import PartnerDescribedV1
from shared.plumbing.database import Database, Transaction


async def upsert_partners(tx: Transaction, described: Sequence[PartnerDescribedV1]) -> None:
    """Keep what was said of each partner, unless something later is known."""
    latest = {said.partner_id: said for said in sorted(described, key=lambda d: d.described_at)}
    if not latest:
        return
    partners = [latest[partner_id] for partner_id in sorted(latest)]
    await tx.execute(
        """
        INSERT INTO router.partners (partner_id, accepting, described, described_at)
        SELECT partner_id, accepting, described::jsonb, described_at
        FROM unnest($1::text[], $2::boolean[], $3::text[], $4::timestamptz[])
            AS p (partner_id, accepting, described, described_at)
        ON CONFLICT (partner_id) DO UPDATE SET
            accepting = excluded.accepting, described = excluded.described,
            described_at = excluded.described_at
        WHERE router.partners.described_at <= excluded.described_at
        """,
        [partner.partner_id for partner in partners],
        [partner.accepting for partner in partners],
        [partner.model_dump_json() for partner in partners],
        [partner.described_at for partner in partners],
    )


async def get_partners(source: Transaction | Database, *, listed: frozenset[str]) -> Partners:
    """Who is listed and who is served; until anything is heard, all listed are served."""
    rows = await source.fetch("SELECT partner_id, accepting FROM router.partners")
    if not rows:
        return Partners(listed=listed, served=listed)
    served = frozenset(row["partner_id"] for row in rows if row["accepting"])
    return Partners(listed=listed, served=served & listed)
