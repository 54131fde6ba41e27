"""ADAPTERS: the only list of kinds. A new way of talking is one file in adapters/ and one line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.partner_adapters.adapters.kafka_queue import KafkaQueueAdapter, Queue
from services.partner_adapters.adapters.portal import Inbox, PortalAdapter
from services.partner_adapters.adapters.rest import RestAdapter
from services.partner_adapters.adapters.webhook import WebhookAdapter
from services.partner_adapters.callback_signature import read_keys
from services.partner_adapters.mail.settings import EmailSettings
from services.partner_adapters.partner_adapter import PartnerAdapter
from services.partner_adapters.partner_credentials import (
    ApiKeyAuthorization,
    NoAuthorization,
    OAuth2Authorization,
)
from services.partner_adapters.partner_environment import ConnectedPartner, PartnerNotConfigured
from services.partner_adapters.partner_file import ApiKey, NoSettings, OAuth2, SigningKeys, Table
from services.partner_adapters.partner_http import Authorization, PartnerHttp
from shared.contracts.topics import partner_queue_topic
from shared.plumbing.clock import Clock


@dataclass(frozen=True, kw_only=True)
class Transports:
    """What adapters are handed."""

    queue: Queue
    inbox: Inbox
    clock: Clock


def _rest(partner: ConnectedPartner, transports: Transports) -> PartnerAdapter:
    address = partner.need_address()
    http = PartnerHttp(
        address=address,
        authorization=_authorization(partner, address=address, clock=transports.clock),
        concurrency=partner.file.limits.concurrency,
        timeout=partner.file.limits.request_timeout_seconds,
        reach=partner.reach,
    )
    return RestAdapter(http=http, clock=transports.clock)


def _authorization(partner: ConnectedPartner, *, address: str, clock: Clock) -> Authorization:
    credentials = partner.file.credentials
    if isinstance(credentials, OAuth2):
        return OAuth2Authorization(
            address=address,
            client_id=partner.secret(credentials.client_id),
            client_secret=partner.secret(credentials.client_secret),
            reach=partner.reach,
            clock=clock,
        )
    if isinstance(credentials, ApiKey):
        return ApiKeyAuthorization(partner.secret(credentials.api_key))
    return NoAuthorization()


def _webhook(partner: ConnectedPartner, transports: Transports) -> PartnerAdapter:
    credentials = partner.file.credentials
    if not isinstance(credentials, SigningKeys):
        raise PartnerNotConfigured(f"{partner.file.id}: its file must name signing_keys")
    try:
        keys = read_keys(partner.secret(credentials.signing_keys))
    except ValueError as error:
        raise PartnerNotConfigured(f"{partner.file.id}: {error}") from error
    http = PartnerHttp(
        address=partner.need_address(),
        authorization=NoAuthorization(),
        concurrency=partner.file.limits.concurrency,
        timeout=partner.file.limits.request_timeout_seconds,
        reach=partner.reach,
    )
    return WebhookAdapter(http=http, keys=keys, clock=transports.clock)


def _kafka_queue(partner: ConnectedPartner, transports: Transports) -> PartnerAdapter:
    try:
        return KafkaQueueAdapter(
            queue=transports.queue,
            topic=partner_queue_topic(partner.file.id).name,
            public_key=partner.public_key(),
            clock=transports.clock,
        )
    except ValueError as error:
        raise PartnerNotConfigured(f"{partner.file.id}: {error}") from error


def _portal(partner: ConnectedPartner, transports: Transports) -> PartnerAdapter:
    return PortalAdapter(inbox=transports.inbox, partner_id=partner.file.id)


def _email(partner: ConnectedPartner, transports: Transports) -> PartnerAdapter:
    from services.partner_adapters.mail.connect import connect_by_mail

    return connect_by_mail(partner, clock=transports.clock)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A way of talking: how its adapter is built, and what its partners' files must say."""

    build: Callable[[ConnectedPartner, Transports], PartnerAdapter]
    settings: type[Table] = NoSettings


ADAPTERS: Mapping[str, Kind] = {
    "rest": Kind(build=_rest),
    "kafka_queue": Kind(build=_kafka_queue),
    "portal": Kind(build=_portal),
    "webhook": Kind(build=_webhook),
    "email": Kind(build=_email, settings=EmailSettings),
}
