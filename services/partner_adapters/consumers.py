"""What this service hears: its partners' referrals, and the replies of agencies on Kafka."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from pydantic import ValidationError

from services.partner_adapters import SCHEMA
from services.partner_adapters.partner_adapter import PartnerStatus
from services.partner_adapters.record_partner_status import RecordStatuses
from services.partner_adapters.schedule_delivery import schedule_delivery
from services.partner_adapters.status_message import StatusMessage
from services.partner_adapters.status_store import Said
from shared.contracts.cloudevents import CloudEvent, MalformedEvent, name_faults
from shared.contracts.events import derive_id
from shared.contracts.topics import partner_replies_topic, referrals_topic
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.kafka import Consumption, ConsumptionStalled, consume
from shared.plumbing.kafka_messages import RawMessage
from shared.plumbing.outbox import Outbox

log = structlog.get_logger()


class ForeignReply(Exception):
    """An agency writes of a referral that is not its own; buries that reply."""


@dataclass(frozen=True)
class Reply:
    """One status message from an agency's reply topic."""

    id: UUID
    partner_id: str
    status: PartnerStatus


def hear_referrals(
    *,
    kafka: str,
    partner_ids: Sequence[str],
    database: Database,
    outbox: Outbox,
    clock: Clock,
    wake: Callable[[str], None],
) -> Consumption[CloudEvent]:
    """Subscribe to the referrals of these partners, all in one so that batches are large."""

    async def handle(tx: Transaction, events: Sequence[CloudEvent]) -> None:
        await schedule_delivery(tx, events, outbox=outbox, clock=clock, wake=wake)

    return consume(
        kafka=kafka,
        topics=[referrals_topic(partner_id).name for partner_id in partner_ids],
        group=SCHEMA,
        handle=handle,
        database=database,
        schema=SCHEMA,
        clock=clock,
    )


def hear_replies(
    *,
    kafka: str,
    partner_ids: Sequence[str],
    database: Database,
    record: RecordStatuses,
    clock: Clock,
) -> Consumption[Reply]:
    """Subscribe to the reply topics of these agencies."""
    partner_of = {partner_replies_topic(each).name: each for each in partner_ids}

    def decode(message: RawMessage) -> Reply:
        return decode_reply(message, partner_id=partner_of[message.topic])

    async def handle(tx: Transaction, replies: Sequence[Reply]) -> None:
        answers = await record(
            tx, [Said(partner_id=reply.partner_id, status=reply.status) for reply in replies]
        )
        if "foreign" in answers:
            raise ForeignReply

    return Consumption(
        kafka=kafka,
        topics=list(partner_of),
        group=f"{SCHEMA}-replies",
        handle=handle,
        database=database,
        schema=SCHEMA,
        clock=clock,
        decode=decode,
    )


async def keep_hearing(subscribe: Callable[[], Consumption[Reply]]) -> None:
    """Run a subscription for ever, anew when it stalls.

    What agencies write is not ours: whatever stalls there must not end the process that
    serves all the other partners, as a stall of our own topics does.
    """
    while True:
        try:
            await subscribe().run()
        except ConsumptionStalled:
            log.critical("replies_stalled")


def decode_reply(message: RawMessage, *, partner_id: str) -> Reply:
    """Read one reply; raises `MalformedEvent` naming the fields at fault, not their content."""
    try:
        status = StatusMessage.model_validate_json(message.value).as_status()
    except ValidationError as error:
        raise MalformedEvent(f"the reply does not parse: {name_faults(error)}") from error
    if message.key != str(status.referral_id).encode():
        raise MalformedEvent("the key is not the referral's id")
    return Reply(
        id=derive_id("reply", partner_id, status.status_id), partner_id=partner_id, status=status
    )
