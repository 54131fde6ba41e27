"""All SQL on the places requests come from and the partners they may go to."""

from collections.abc import Sequence
from datetime import datetime

from services.intake.directory import Directory
from shared.contracts.events import PartnerDescribedV1
from shared.plumbing.database import Database, Transaction


async def get_directory(database: Database) -> Directory:
    row = await database.fetchrow(
        """
        SELECT coalesce((SELECT jsonb_object_agg(s.site_id, ARRAY(
                   SELECT st.station_id FROM intake.stations st WHERE st.site_id = s.site_id))
                   FROM intake.sites s), '{}'::jsonb) AS stations_by_site,
               coalesce((SELECT jsonb_object_agg(p.partner_id, p.name)
                   FROM intake.partners p), '{}'::jsonb) AS partner_names
        """
    )
    assert row is not None  # noqa: S101 - a SELECT without FROM always gives one row
    return Directory(
        stations_by_site={
            site_id: frozenset(stations) for site_id, stations in row["stations_by_site"].items()
        },
        partner_names=row["partner_names"],
    )


async def insert_or_update_site(
    tx: Transaction, *, site_id: str, name: str, kind: str, now: datetime
) -> None:
    await tx.execute(
        """
        INSERT INTO intake.sites (site_id, name, kind, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (site_id) DO UPDATE SET name = excluded.name, kind = excluded.kind
        """,
        site_id,
        name,
        kind,
        now,
    )


async def insert_or_update_station(
    tx: Transaction, *, station_id: str, site_id: str, name: str, now: datetime
) -> None:
    await tx.execute(
        """
        INSERT INTO intake.stations (station_id, site_id, name, created_at)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (station_id) DO UPDATE SET site_id = excluded.site_id, name = excluded.name
        """,
        station_id,
        site_id,
        name,
        now,
    )


async def insert_or_update_partners(
    tx: Transaction, partners: Sequence[PartnerDescribedV1]
) -> None:
    """Store each partner as last described; at most one description of each."""
    await tx.execute(
        """
        INSERT INTO intake.partners (partner_id, name, accepting, described_at)
        SELECT * FROM unnest($1::text[], $2::text[], $3::boolean[], $4::timestamptz[])
        ON CONFLICT (partner_id) DO UPDATE SET name = excluded.name,
            accepting = excluded.accepting, described_at = excluded.described_at
        WHERE excluded.described_at >= intake.partners.described_at
        """,
        [partner.partner_id for partner in partners],
        [partner.name for partner in partners],
        [partner.accepting for partner in partners],
        [partner.described_at for partner in partners],
    )
