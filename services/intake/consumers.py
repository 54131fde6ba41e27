"""What intake hears: news of its cases, and which partners there are."""

from collections.abc import Callable, Sequence

from services.intake import SCHEMA
from services.intake.record_on_timeline import record_on_timeline
from services.intake.record_partners import record_partners
from services.intake.timeline_entry import CaseUpdate
from shared.contracts.cloudevents import CloudEvent
from shared.contracts.events import PartnerDescribedV1
from shared.contracts.topics import CASE_UPDATES, PARTNER_DIRECTORY
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.kafka import Consumption, consume

TOPICS = (CASE_UPDATES, PARTNER_DIRECTORY)


def build_consumption(
    *, kafka: str, database: Database, clock: Clock, on_news: Callable[[], None]
) -> Consumption[CloudEvent]:
    """The one subscription of intake."""

    async def handle(tx: Transaction, events: Sequence[CloudEvent]) -> None:
        described = [e.data for e in events if isinstance(e.data, PartnerDescribedV1)]
        updates = [(e.id, e.data) for e in events if isinstance(e.data, CaseUpdate)]
        if described:
            await record_partners(tx, described)
        if updates:
            await record_on_timeline(tx, updates, clock=clock, on_news=on_news)

    return consume(
        kafka=kafka,
        topics=[topic.name for topic in TOPICS],
        group=SCHEMA,
        handle=handle,
        database=database,
        schema=SCHEMA,
        clock=clock,
    )
