"""ADAPTERS: the only list of kinds. A new way of talking is one file in adapters/ and one line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
from services.partner_adapters.partner_file import (
    ApiKey,
    ByCallback,
    ByPolling,
    ByPortal,
    ByTopic,
    NoCredentials,
    NoSettings,
    OAuth2,
    Password,
    PublicKey,
    SigningKeys,
    SshKey,
    Table,
)
from services.partner_adapters.partner_http import Authorization, PartnerHttp
from services.partner_adapters.sftp.folders import Folders
from shared.contracts.topics import partner_queue_topic
from shared.plumbing.clock import Clock

if TYPE_CHECKING:  # heavy libraries, for those who have such a partner only
    from services.partner_adapters.sftp.connection import PartnerSftp
    from services.partner_adapters.soap.messages import Messages


@dataclass(frozen=True, kw_only=True)
class Transports:
    """What adapters are handed."""

    queue: Queue
    inbox: Inbox
    clock: Clock


def _rest(partner: ConnectedPartner, transports: Transports) -> PartnerAdapter:
    authorization = authorization_of(partner, clock=transports.clock)
    return RestAdapter(http=http_of(partner, authorization), clock=transports.clock)


def http_of(partner: ConnectedPartner, authorization: Authorization | None = None) -> PartnerHttp:
    """A partner's HTTP transport, with this authorization or none."""
    return PartnerHttp(
        address=partner.need_address(),
        authorization=authorization or NoAuthorization(),
        concurrency=partner.file.limits.concurrency,
        timeout=partner.file.limits.request_timeout_seconds,
        reach=partner.reach,
    )


def authorization_of(partner: ConnectedPartner, *, clock: Clock) -> Authorization:
    """How we show this partner who we are, where a header does it."""
    credentials = partner.file.credentials
    if isinstance(credentials, OAuth2):
        return OAuth2Authorization(
            address=partner.need_address(),
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
    return WebhookAdapter(http=http_of(partner), keys=keys, clock=transports.clock)


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


def _soap(partner: ConnectedPartner, transports: Transports) -> PartnerAdapter:
    from services.partner_adapters.adapters.soap import SoapAdapter

    messages = messages_of(partner, clock=transports.clock)
    return SoapAdapter(http=http_of(partner), messages=messages, clock=transports.clock)


def messages_of(partner: ConnectedPartner, *, clock: Clock) -> "Messages":
    """What writes and reads a `soap` partner's messages; raises `PartnerNotConfigured`."""
    from services.partner_adapters.soap.messages import Messages

    credentials = partner.file.credentials
    if not isinstance(credentials, Password):
        raise PartnerNotConfigured(f"{partner.file.id}: its file must name username and password")
    return Messages(
        username=partner.secret(credentials.username),
        password=partner.secret(credentials.password),
        clock=clock,
    )


def _sftp(partner: ConnectedPartner, transports: Transports) -> PartnerAdapter:
    from services.partner_adapters.adapters.sftp import SftpAdapter

    folders = partner.file.settings_of(Folders)
    return SftpAdapter(sftp=sftp_of(partner), folders=folders, clock=transports.clock)


def sftp_of(partner: ConnectedPartner) -> "PartnerSftp":
    """An `sftp` partner's transport; raises `PartnerNotConfigured`."""
    from services.partner_adapters.sftp.connection import PartnerSftp

    credentials = partner.file.credentials
    if not isinstance(credentials, SshKey):
        raise PartnerNotConfigured(f"{partner.file.id}: its file must name private_key, host_key")
    try:
        return PartnerSftp(
            address=partner.need_address(),
            username=credentials.username,
            private_key=partner.secret(credentials.private_key),
            host_keys=partner.secret(credentials.host_key),
            timeout=partner.file.limits.request_timeout_seconds,
            reach=partner.reach,
        )
    except ValueError as error:
        raise PartnerNotConfigured(f"{partner.file.id}: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A way of talking: how its adapter is built, and what its partners' files must say."""

    build: Callable[[ConnectedPartner, Transports], PartnerAdapter]
    credentials: tuple[type[Table], ...]
    returns: tuple[type[Table], ...]
    settings: type[Table] = NoSettings
    looks_up: bool = False
    """It can ask whether a referral arrived."""
    takes_batches: bool = False
    """It hands many deliveries over in one call."""


ADAPTERS: Mapping[str, Kind] = {
    "rest": Kind(
        build=_rest,
        credentials=(OAuth2, ApiKey, NoCredentials),
        returns=(ByCallback, ByPolling),
        looks_up=True,
    ),
    "kafka_queue": Kind(build=_kafka_queue, credentials=(PublicKey,), returns=(ByTopic,)),
    "portal": Kind(build=_portal, credentials=(NoCredentials,), returns=(ByPortal,)),
    "sftp": Kind(
        build=_sftp,
        credentials=(SshKey,),
        returns=(ByPolling,),
        settings=Folders,
        looks_up=True,
        takes_batches=True,
    ),
    "webhook": Kind(build=_webhook, credentials=(SigningKeys,), returns=(ByCallback,)),
    "soap": Kind(build=_soap, credentials=(Password,), returns=(ByPolling,), looks_up=True),
    "email": Kind(
        build=_email, credentials=(Password,), returns=(ByPolling,), settings=EmailSettings
    ),
}
