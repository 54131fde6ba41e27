"""A real SMTP server and a real mailbox of one's own, for the adapter that writes mails."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from services.partner_adapters.adapters.email import EmailAdapter
from services.partner_adapters.mail.address_token import AddressTokens
from services.partner_adapters.mail.connect import connect_by_mail
from services.partner_adapters.partner_environment import ConnectedPartner, connect_partners
from services.partner_adapters.read_partner_files import load_partner_files
from services.partner_adapters.registry import ADAPTERS
from services.partner_simulators.faults import Fault, FaultPanel
from services.partner_simulators.mail_certificates import Authority
from services.partner_simulators.mail_post import Post, PostFacts
from services.partner_simulators.mailbox import Mailbox
from shared.plumbing.clock import Clock, SystemClock

USER, PASSWORD, REPLY_KEY = (
    "aiguillage",
    "a password",
    "the key of the tests, long enough to be one",
)
SENDER, RECIPIENT = "aiguillage@aiguillage.invalid", "orientations@sncf.invalid"
AUTHORITY = Authority.make(now=datetime.now(UTC))
TOKENS = AddressTokens(key=REPLY_KEY, partner_id="sncf")


@dataclass
class MailServers:
    """Both servers; `taken` are the mails that were handed in."""

    post: Post
    mailbox: Mailbox
    faults: FaultPanel
    taken: list[bytes] = field(default_factory=list)

    def break_down(self, fault: str, *, seconds: float | None = None) -> None:
        self.faults.set(Fault(fault, seconds))

    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(raw, EmailMessage, policy=default) for raw in self.taken]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AIGUILLAGE_PARTNER_ADDRESS_SNCF": f"smtp://127.0.0.1:{self.post.port}",
            "AIGUILLAGE_PARTNER_STATUS_ADDRESS_SNCF": f"imap://127.0.0.1:{self.mailbox.port}",
            "AIGUILLAGE_SECRET_SNCF_MAIL_USER": USER,
            "AIGUILLAGE_SECRET_SNCF_MAIL_PASSWORD": PASSWORD,
            "AIGUILLAGE_SECRET_SNCF_REPLY_KEY": REPLY_KEY,
            "AIGUILLAGE_SECRET_SNCF_CERTIFICATE_AUTHORITY": AUTHORITY.certificate,
        }

    def partner(self, *, timeout: float = 5, **environment: str) -> ConnectedPartner:
        """sncf as its file says, but for the time-out; keywords change the environment."""
        file = load_partner_files(kinds=ADAPTERS)["sncf"]
        limits = file.limits.model_copy(update={"request_timeout_seconds": timeout})
        changed = {f"AIGUILLAGE_{name}": value for name, value in environment.items()}
        return connect_partners(
            {"sncf": file.model_copy(update={"limits": limits})},
            {**self.environment, **changed},
            on_loopback=True,
        )["sncf"]

    def adapter(self, *, clock: Clock | None = None, **given: Any) -> EmailAdapter:
        return connect_by_mail(self.partner(**given), clock=clock or SystemClock())


@asynccontextmanager
async def mail_servers() -> AsyncIterator[MailServers]:
    now, faults, taken = datetime.now(UTC), FaultPanel(), list[bytes]()
    tls = AUTHORITY.server_context("127.0.0.1", now=now)
    facts = PostFacts(
        username=USER,
        password=PASSWORD,
        recipient=RECIPIENT,
        tls=tls,
        expired_tls=AUTHORITY.server_context("127.0.0.1", now=now, expired=True),
    )
    servers = MailServers(
        post=Post(host="127.0.0.1", port=0, facts=facts, faults=faults, take=taken.append),
        mailbox=Mailbox(host="127.0.0.1", port=0, username=USER, password=PASSWORD, tls=tls),
        faults=faults,
        taken=taken,
    )
    await servers.post.open()
    await servers.mailbox.open()
    try:
        yield servers
    finally:
        await servers.post.close()
        await servers.mailbox.close()
