"""`email`: a mail for each delivery over SMTP; statuses are the answers, read over IMAP.

What each answer of the two servers means is on top of `mail/submit_mail.py` and
`mail/read_mailbox.py`, what each mail that comes in means on top of `mail/understand_mail.py`:

    refused connection, 4xx, cut before DATA   unavailable
    5xx to the mail itself                     refused
    530 535, no STARTTLS, wrong certificate    needs attention, as is a 5xx to whoever we write to
    cut after the mail was begun               unknown: nobody can be asked, so a person decides

An answer proves that the mail arrived. The same delivery has the same Message-ID at each try.
"""

import json
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import asdict
from typing import Protocol

import structlog
from prometheus_client import Counter

from services.partner_adapters.mail.address_token import AddressTokens
from services.partner_adapters.mail.read_mailbox import MailPage
from services.partner_adapters.mail.settings import EmailSettings
from services.partner_adapters.mail.spoken_words import SpokenWords
from services.partner_adapters.mail.understand_mail import Ignored, Unmatched, understand_mail
from services.partner_adapters.mail.write_mail import write_mail
from services.partner_adapters.partner_adapter import Collected, Delivery, PartnerStatus, Receipt
from services.partner_adapters.partner_file import PartnerFile
from shared.plumbing.clock import Clock

log = structlog.get_logger()

_IGNORED = Counter(
    "aiguillage_mails_ignored_total",
    "Mails in our mailbox that mean nothing",
    ["partner", "because"],
)


class Submission(Protocol):
    """Hands mails in."""

    async def submit(self, mail: bytes, *, sender: str, recipient: str) -> str: ...


class Mailbox(Protocol):
    """Where the answers arrive."""

    async def read_after(self, cursor: str | None) -> MailPage: ...

    def close(self) -> None: ...


class EmailAdapter:
    """Writes to one agency's people and reads what they answer."""

    def __init__(
        self,
        *,
        partner: PartnerFile,
        tokens: AddressTokens,
        submission: Submission,
        mailbox: Mailbox,
        clock: Clock,
    ) -> None:
        self._partner = partner
        self._settings = partner.settings_of(EmailSettings)
        self._words = SpokenWords(
            statuses=partner.statuses, refusal_reasons=partner.refusal_reasons
        )
        self._tokens = tokens
        self._submission = submission
        self._mailbox = mailbox
        self._clock = clock

    async def deliver(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        """One mail each."""
        return [await self._deliver(delivery) for delivery in deliveries]

    async def collect(self, cursor: str | None) -> Collected:
        """What the mails say that came in since."""
        page = await self._mailbox.read_after(cursor)
        statuses: list[PartnerStatus] = []
        unmatched: list[str] = []
        ignored: Tally[str] = Tally()
        for mail in page.mails:
            meaning = understand_mail(
                mail,
                settings=self._settings,
                tokens=self._tokens,
                words=self._words,
                now=self._clock.now(),
            )
            match meaning:
                case PartnerStatus():
                    statuses.append(meaning)
                case Unmatched():
                    unmatched.append(json.dumps(asdict(meaning), ensure_ascii=False))
                case Ignored(because):
                    ignored[because] += 1
        self._count(ignored)
        return Collected(statuses=statuses, cursor=page.cursor, unreadable=unmatched)

    async def close(self) -> None:
        self._mailbox.close()

    async def _deliver(self, delivery: Delivery) -> Receipt:
        token = self._tokens.token_of(delivery.referral_id)
        name, _, domain = self._settings.sender.partition("@")
        # Also the envelope's sender: what cannot be delivered comes back to it.
        reply_to = f"{name}+{token}@{domain}"
        mail = write_mail(
            delivery,
            partner=self._partner,
            sender=self._settings.sender,
            reply_to=reply_to,
            recipient=self._settings.recipient,
            now=self._clock.now(),
        )
        answer = await self._submission.submit(
            mail.as_bytes(), sender=reply_to, recipient=self._settings.recipient
        )
        return Receipt(answer=answer)

    def _count(self, ignored: Tally[str]) -> None:
        for because, count in ignored.items():
            _IGNORED.labels(self._partner.id, because).inc(count)
            log.info("mails_ignored", partner_id=self._partner.id, because=because, count=count)
