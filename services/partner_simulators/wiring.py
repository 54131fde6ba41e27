"""How each agency is put together from its parts: its people, its door, its way of telling."""

from collections.abc import Callable

import aiohttp

from services.partner_simulators.agencies import (
    MAIL_AGENCY,
    PORTAL_AGENCIES,
    QUEUE_AGENCY,
    QUEUE_AGENCY_FIELDS,
    REST_AGENCIES,
    SFTP_AGENCY,
    SOAP_AGENCY,
    WEBHOOK_AGENCY,
    WEBHOOK_AGENCY_FIELDS,
    WEBHOOK_AGENCY_PORT,
    RestAgencyFacts,
)
from services.partner_simulators.callbacks import CallbackSender
from services.partner_simulators.door_keys import ApiKey, OAuth2
from services.partner_simulators.faults import FaultPanel
from services.partner_simulators.http_simulator import HttpSimulator
from services.partner_simulators.kafka_account import KafkaAccount
from services.partner_simulators.office import Behaviour, Clock, Office, StatusMessage
from services.partner_simulators.outgoing import Outgoing
from services.partner_simulators.portal_clicks import PortalClicks
from services.partner_simulators.portal_people import PortalSimulator
from services.partner_simulators.portal_session import PortalSession
from services.partner_simulators.queue_agency import QueueSimulator
from services.partner_simulators.reply_topic import ReplyTopic
from services.partner_simulators.rest_agency import RestAgency
from services.partner_simulators.schedule import Schedule
from services.partner_simulators.sealed_letter import LetterOpener
from services.partner_simulators.settings import Settings
from services.partner_simulators.simulator import Simulator
from services.partner_simulators.status_list import StatusList
from services.partner_simulators.webhook_agency import WebhookAgency

QUEUE_SENDERS = 50  # one batch of the producer carries what all of them say at once


def build_simulators(
    settings: Settings, *, schedule: Schedule, http: aiohttp.ClientSession, clock: Clock
) -> dict[str, Simulator]:
    """The agencies asked for, by partner id; nothing listens yet."""

    def build(partner_id: str) -> Simulator:
        simulator: Simulator
        if partner_id == QUEUE_AGENCY:
            simulator = queue_agency(settings, schedule=schedule, clock=clock)
        elif partner_id == MAIL_AGENCY:
            from services.partner_simulators.mail_wiring import mail_agency

            simulator = mail_agency(settings, schedule=schedule, clock=clock)
        elif partner_id == SFTP_AGENCY:
            from services.partner_simulators.sftp_wiring import sftp_agency

            simulator = sftp_agency(settings, schedule=schedule, clock=clock)
        elif partner_id == SOAP_AGENCY:
            from services.partner_simulators.soap_wiring import soap_agency

            simulator = soap_agency(settings, schedule=schedule, clock=clock)
        elif partner_id in PORTAL_AGENCIES:
            simulator = portal_people(
                partner_id, settings, schedule=schedule, http=http, clock=clock
            )
        elif partner_id == WEBHOOK_AGENCY:
            simulator = webhook_agency(settings, schedule=schedule, http=http, clock=clock)
        else:
            simulator = rest_agency(partner_id, settings, schedule=schedule, http=http, clock=clock)
        return simulator

    return {partner_id: build(partner_id) for partner_id in settings.simulator_partners}


def rest_agency(
    partner_id: str,
    settings: Settings,
    *,
    schedule: Schedule,
    http: aiohttp.ClientSession,
    clock: Clock,
) -> HttpSimulator:
    """An agency with an HTTP API that calls back or is polled."""
    facts = REST_AGENCIES[partner_id]
    faults = FaultPanel()
    outgoing = None
    statuses = None
    if facts.tells_by == "callback":
        outgoing = _calling_back(partner_id, settings, schedule=schedule, http=http, clock=clock)
        announce = outgoing.push
    else:
        statuses = StatusList()
        announce = statuses.add
    office = _office(
        partner_id,
        settings,
        schedule=schedule,
        clock=clock,
        announce=announce,
        recognises_repetitions=facts.recognises_repetitions,
    )
    agency = RestAgency(
        office=office,
        key=_key(partner_id, facts, settings),
        visitor_fields=facts.visitor_fields,
        statuses=statuses,
        faults=faults,
        clock=clock,
    )
    return HttpSimulator(
        office=office,
        answer=agency.answer,
        faults=faults,
        outgoing=outgoing,
        host=settings.simulator_host,
        port=settings.port_of(facts.port_offset),
    )


def webhook_agency(
    settings: Settings, *, schedule: Schedule, http: aiohttp.ClientSession, clock: Clock
) -> HttpSimulator:
    """The agency that is told by signed messages at one address, and calls back."""
    partner_id, faults = WEBHOOK_AGENCY, FaultPanel()
    outgoing = _calling_back(partner_id, settings, schedule=schedule, http=http, clock=clock)
    office = _office(partner_id, settings, schedule=schedule, clock=clock, announce=outgoing.push)
    agency = WebhookAgency(
        office=office,
        secret=settings.secret(f"secret_{partner_id}_signing_keys").split()[0],
        visitor_fields=WEBHOOK_AGENCY_FIELDS,
        faults=faults,
        clock=clock,
    )
    return HttpSimulator(
        office=office,
        answer=agency.answer,
        faults=faults,
        outgoing=outgoing,
        host=settings.simulator_host,
        port=settings.port_of(WEBHOOK_AGENCY_PORT),
    )


def queue_agency(settings: Settings, *, schedule: Schedule, clock: Clock) -> QueueSimulator:
    """The agency that works by Kafka."""
    partner_id = QUEUE_AGENCY
    account = KafkaAccount(
        address=settings.simulator_kafka_agencies or "",
        user=partner_id,
        password=settings.secret(f"secret_{partner_id}_kafka_password"),
    )
    replies = ReplyTopic(topic=f"partner-replies-{partner_id}", account=account)
    outgoing = Outgoing(
        partner_id=partner_id, send=replies.send, schedule=schedule, senders=QUEUE_SENDERS
    )
    return QueueSimulator(
        office=_office(
            partner_id, settings, schedule=schedule, clock=clock, announce=outgoing.push
        ),
        outgoing=outgoing,
        replies=replies,
        topic=f"partner-queue-{partner_id}",
        account=account,
        opener=LetterOpener(private_key=settings.secret(f"simulator_{partner_id}_private_key")),
        visitor_fields=QUEUE_AGENCY_FIELDS,
        faults=FaultPanel(),
    )


def portal_people(
    partner_id: str,
    settings: Settings,
    *,
    schedule: Schedule,
    http: aiohttp.ClientSession,
    clock: Clock,
) -> PortalSimulator:
    """People who work our portal's inbox."""
    person = settings.simulator_portal_accounts[partner_id]
    faults = FaultPanel()
    session = PortalSession(
        account=person.account,
        password=person.password.get_secret_value(),
        intake_url=settings.simulator_intake_url or "",
        portal_url=settings.simulator_portal_url or "",
        http=http,
    )
    clicks = PortalClicks(session=session, faults=faults)
    outgoing = Outgoing(partner_id=partner_id, send=clicks.send, schedule=schedule)
    return PortalSimulator(
        office=_office(
            partner_id, settings, schedule=schedule, clock=clock, announce=outgoing.push
        ),
        session=session,
        outgoing=outgoing,
        faults=faults,
    )


def _calling_back(
    partner_id: str,
    settings: Settings,
    *,
    schedule: Schedule,
    http: aiohttp.ClientSession,
    clock: Clock,
) -> Outgoing:
    callbacks = CallbackSender(
        address=f"{settings.simulator_callback_url}/partners/{partner_id}/status",
        secret=settings.secret(f"secret_{partner_id}_callback_secret"),
        session=http,
        clock=clock,
    )
    return Outgoing(partner_id=partner_id, send=callbacks.send, schedule=schedule)


def _office(
    partner_id: str,
    settings: Settings,
    *,
    schedule: Schedule,
    clock: Clock,
    announce: Callable[[StatusMessage], None],
    recognises_repetitions: bool = True,
) -> Office:
    return Office(
        partner_id=partner_id,
        behaviour=Behaviour(settings.simulator_pace, settings.simulator_outcome),
        schedule=schedule,
        clock=clock,
        announce=announce,
        recognises_repetitions=recognises_repetitions,
    )


def _key(partner_id: str, facts: RestAgencyFacts, settings: Settings) -> ApiKey | OAuth2:
    if facts.key == "api_key":
        return ApiKey(settings.secret(f"secret_{partner_id}_api_key"))
    return OAuth2(
        client_id=settings.secret(f"secret_{partner_id}_client_id"),
        client_secret=settings.secret(f"secret_{partner_id}_client_secret"),
    )
