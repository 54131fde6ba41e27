"""Put an `email` partner's adapter together from its file and its environment."""

from services.partner_adapters.adapters.email import EmailAdapter
from services.partner_adapters.mail.address_token import AddressTokens
from services.partner_adapters.mail.read_mailbox import MailboxReader
from services.partner_adapters.mail.servers import MailServer, where
from services.partner_adapters.mail.settings import EmailSettings
from services.partner_adapters.mail.submit_mail import MailSubmission
from services.partner_adapters.partner_environment import (
    STATUS_ADDRESS,
    ConnectedPartner,
    PartnerNotConfigured,
)
from services.partner_adapters.partner_file import Password
from shared.plumbing.clock import Clock


def connect_by_mail(partner: ConnectedPartner, *, clock: Clock) -> EmailAdapter:
    """The adapter, nothing opened yet; raises `PartnerNotConfigured`."""
    partner_id = partner.file.id
    settings = partner.file.settings_of(EmailSettings)
    if partner.status_address is None:
        raise PartnerNotConfigured(
            f"{partner_id}: {STATUS_ADDRESS}{partner_id.upper()} must be set: the mailbox"
        )
    try:
        return EmailAdapter(
            partner=partner.file,
            tokens=AddressTokens(key=partner.secret(settings.reply_key), partner_id=partner_id),
            submission=MailSubmission(
                _server(partner, settings, partner.need_address(), scheme="smtp")
            ),
            mailbox=MailboxReader(
                _server(partner, settings, partner.status_address, scheme="imap")
            ),
            clock=clock,
        )
    except ValueError as error:
        raise PartnerNotConfigured(f"{partner_id}: {error}") from error


def _server(
    partner: ConnectedPartner, settings: EmailSettings, address: str, *, scheme: str
) -> MailServer:
    credentials = partner.file.credentials
    if not isinstance(credentials, Password):
        raise PartnerNotConfigured(f"{partner.file.id}: its file must name a username and password")
    host, port, implicit_tls = where(address, scheme=scheme)
    authority = settings.certificate_authority
    return MailServer(
        host=host,
        port=port,
        implicit_tls=implicit_tls,
        username=partner.secret(credentials.username),
        password=partner.secret(credentials.password),
        authority=partner.secret(authority) if authority is not None else None,
        reach=partner.reach,
        timeout=partner.file.limits.request_timeout_seconds,
    )
