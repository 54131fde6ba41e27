"""All SQL on intake's timeline: rows are added and read, never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.intake.timeline_entry import TimelineEntry
from shared.plumbing.database import Database, Row, Transaction


class Position(NamedTuple):
    """How far a reader of the timeline has come: in the order of commits, not of ids."""

    xid: int
    id: int


@dataclass(frozen=True)
class TimelineRow:
    """A line as stored; `sealed` opens as `WrittenContent` bound to the case."""

    kind: str
    at: datetime
    recorded_at: datetime
    referral_id: UUID | None
    partner_id: str | None
    facts: Mapping[str, Any]
    sealed: str | None


@dataclass(frozen=True)
class News:
    """A line of any case, for those who follow its site; nothing in it identifies a person."""

    position: Position
    site_id: str
    case_id: UUID
    reference: str
    status: str
    kind: str
    at: datetime
    referral_id: UUID | None
    partner_id: str | None
    facts: Mapping[str, Any]


async def insert_entries(
    tx: Transaction,
    entries: Sequence[TimelineEntry],
    *,
    sites: Mapping[UUID, str],
    recorded_at: datetime,
) -> None:
    """Append lines, in the order given; a line that is there already stays as it is."""
    await tx.execute(
        """
        INSERT INTO intake.timeline
            (event_id, case_id, site_id, kind, at, recorded_at, referral_id, partner_id,
             facts, sealed)
        SELECT r.event_id, r.case_id, r.site_id, r.kind, r.at, $10, r.referral_id, r.partner_id,
               r.facts, r.sealed
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[],
                    $6::uuid[], $7::text[], $8::jsonb[], $9::text[]) WITH ORDINALITY
             AS r (event_id, case_id, site_id, kind, at, referral_id, partner_id, facts, sealed, n)
        ORDER BY r.n
        ON CONFLICT (event_id) DO NOTHING
        """,
        [entry.event_id for entry in entries],
        [entry.case_id for entry in entries],
        [sites[entry.case_id] for entry in entries],
        [entry.kind for entry in entries],
        [entry.at for entry in entries],
        [entry.referral_id for entry in entries],
        [entry.partner_id for entry in entries],
        [dict(entry.facts) for entry in entries],
        [entry.sealed for entry in entries],
        recorded_at,
    )


async def list_timeline(database: Database, case_id: UUID) -> list[TimelineRow]:
    """The lines of one case, oldest first."""
    rows = await database.fetch(
        """
        SELECT kind, at, recorded_at, referral_id, partner_id, facts, sealed
        FROM intake.timeline WHERE case_id = $1 ORDER BY at, id
        """,
        case_id,
    )
    return [TimelineRow(**row) for row in rows]


async def get_position(database: Database) -> Position:
    """Where the timeline stands: everything before is committed and readable."""
    xid = await database.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
    return Position(xid=int(xid), id=0)


_NEWS = """
    SELECT t.xid::text AS xid, t.id, t.site_id, t.case_id, c.reference, c.status, t.kind, t.at,
           t.referral_id, t.partner_id, t.facts
    FROM intake.timeline t JOIN intake.cases c USING (case_id)
    WHERE (t.xid, t.id) > ($1::text::xid8, $2::bigint)
      AND t.xid < pg_snapshot_xmin(pg_current_snapshot())
"""


async def list_news(database: Database, *, after: Position, limit: int) -> list[News]:
    """The next lines of all sites, in an order in which none can appear behind the reader.

    Lines of transactions still open, or begun after one still open, come later.
    """
    rows = await database.fetch(
        f"{_NEWS} ORDER BY t.xid, t.id LIMIT $3", str(after.xid), after.id, limit
    )
    return [_news(row) for row in rows]


async def list_news_of_site(
    database: Database, *, site_id: str, after: Position, until: Position, limit: int
) -> list[News]:
    """The lines of one site after `after`, up to and with `until`."""
    rows = await database.fetch(
        f"""{_NEWS} AND t.site_id = $3 AND (t.xid, t.id) <= ($4::text::xid8, $5::bigint)
        ORDER BY t.xid, t.id LIMIT $6""",
        str(after.xid),
        after.id,
        site_id,
        str(until.xid),
        until.id,
        limit,
    )
    return [_news(row) for row in rows]


def _news(row: Row) -> News:
    fields = dict(row)
    position = Position(xid=int(fields.pop("xid")), id=fields.pop("id"))
    return News(position=position, **fields)
