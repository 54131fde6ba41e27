"""How the agency that works by Kafka is put together."""

from services.partner_simulators.agencies import QUEUE_AGENCY, QUEUE_AGENCY_FIELDS
from services.partner_simulators.faults import FaultPanel
from services.partner_simulators.kafka_account import KafkaAccount
from services.partner_simulators.outgoing import Outgoing
from services.partner_simulators.queue_agency import QueueSimulator
from services.partner_simulators.reply_topic import ReplyTopic
from services.partner_simulators.sealed_letter import LetterOpener
from services.partner_simulators.workplace import Workplace

SENDERS = 50  # one batch of the producer carries what all of them say at once


def queue_agency(place: Workplace) -> QueueSimulator:
    """Its account reads its own topic and writes its replies, nothing else."""
    partner_id, faults = QUEUE_AGENCY, FaultPanel()
    account = KafkaAccount(
        address=place.settings.simulator_kafka_agencies or "",
        user=partner_id,
        password=place.secret(f"secret_{partner_id}_kafka_password"),
    )
    replies = ReplyTopic(topic=f"partner-replies-{partner_id}", account=account)
    outgoing = Outgoing(
        partner_id=partner_id, send=replies.send, schedule=place.schedule, senders=SENDERS
    )
    return QueueSimulator(
        office=place.office(partner_id, announce=outgoing.push, faults=faults),
        outgoing=outgoing,
        replies=replies,
        topic=f"partner-queue-{partner_id}",
        account=account,
        opener=LetterOpener(private_key=place.secret(f"simulator_{partner_id}_private_key")),
        visitor_fields=QUEUE_AGENCY_FIELDS,
        faults=faults,
    )
