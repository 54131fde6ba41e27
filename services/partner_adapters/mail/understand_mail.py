"""What a mail in our mailbox means: a status, something for a person, or nothing. PURE.

delivery report: failed          the word `bounced`, in no table: a person must act. It comes
                                 to the address with the token, our envelope's sender
delivery report: anything else   ignored
written by ourselves, come back  ignored
written by a machine             ignored: Auto-Submitted, Precedence, X-Autoreply, List-*,
                                 an empty Return-Path
no true token in its addresses   from the agency: for a person; from others: ignored
any other                        the word of its first line; the lines below for the visitor
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import Literal
from uuid import UUID

from services.partner_adapters.mail.address_token import AddressTokens
from services.partner_adapters.mail.reply_text import count_attachments, reply_text, storable
from services.partner_adapters.mail.settings import EmailSettings
from services.partner_adapters.mail.spoken_words import SpokenWords
from services.partner_adapters.partner_adapter import PartnerStatus

BOUNCED = "bounced"
_STATUS_CODE = re.compile(r"\d\.\d{1,3}\.\d{1,3}")
LONGEST_MESSAGE = 20_000
_OLDEST = timedelta(days=60)
_ADDRESSED = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To")
_THREADED = ("In-Reply-To", "References")
_BY_MACHINE = ("X-Autoreply", "X-Autorespond", "X-Auto-Reply")
_BULK = frozenset({"bulk", "junk", "list", "auto_reply"})

Because = Literal["own", "automatic", "delivery_report", "stranger"]


@dataclass(frozen=True)
class Ignored:
    """It means nothing to us, and is counted."""

    because: Because


@dataclass(frozen=True)
class Unmatched:
    """From the agency, but nobody can tell about which referral: a person must read it."""

    subject: str
    text: str


Meaning = PartnerStatus | Ignored | Unmatched


def understand_mail(
    raw: bytes,
    *,
    settings: EmailSettings,
    tokens: AddressTokens,
    words: SpokenWords,
    now: datetime,
) -> Meaning:
    """What the mail means. `raw` may be only its beginning; any bytes will do."""
    try:
        mail = message_from_bytes(raw)
        return _meaning(mail, settings=settings, tokens=tokens, words=words, now=now)
    except Exception:  # noqa: BLE001 - the parser raises many kinds on nonsense, all mean the same
        return Unmatched(subject="", text=storable(raw[:LONGEST_MESSAGE].decode("latin-1")))


def _meaning(
    mail: Message,
    *,
    settings: EmailSettings,
    tokens: AddressTokens,
    words: SpokenWords,
    now: datetime,
) -> Meaning:
    referral_id = tokens.find(_values(mail, *_ADDRESSED, *_THREADED))
    if report := _delivery_report(mail):
        return _bounce(mail, report, referral_id=referral_id, now=now)
    if because := _is_nobody_s(mail, settings=settings, tokens=tokens):
        return Ignored(because)
    if referral_id is not None:
        return _reply(mail, referral_id=referral_id, words=words, now=now)
    if _domain(settings.recipient) in {_domain(each) for each in _senders(mail)}:
        text = reply_text(mail)[:LONGEST_MESSAGE]
        return Unmatched(subject=storable(str(mail.get("Subject", "")))[:200], text=text)
    return Ignored("stranger")


# --- delivery reports


@dataclass(frozen=True)
class _Report:
    action: str
    status: str | None
    diagnostic: str


def _delivery_report(mail: Message) -> _Report | None:
    """What a mail server says of a mail of ours (RFC 3464), or what an old one says its own way."""
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status":
            fields = [group for group in part.walk() if group.get("Action")]
            if not fields:
                return _Report("", None, "")
            status = _STATUS_CODE.search(str(fields[0].get("Status", "")))
            return _Report(
                action=str(fields[0]["Action"]).strip().lower(),
                status=status[0] if status else None,
                diagnostic=storable(str(fields[0].get("Diagnostic-Code", ""))),
            )
    local_parts = {each.partition("@")[0].lower() for each in _senders(mail)}
    if local_parts & {"mailer-daemon", "postmaster"}:
        return _Report("", None, "")
    return None


def _bounce(mail: Message, report: _Report, *, referral_id: UUID | None, now: datetime) -> Meaning:
    if referral_id is None or report.action not in {"", "failed"}:
        return Ignored("delivery_report")
    said = report.diagnostic or reply_text(mail)
    message = f"Le message n’a pas pu être remis. {said}".strip()
    return PartnerStatus(
        status_id=_status_id(mail, referral_id, message),
        referral_id=referral_id,
        word=BOUNCED,
        at=_written_at(mail, now=now),
        reason_word=report.status,
        message=message[:LONGEST_MESSAGE],
    )


# --- mails that nobody wrote


def _is_nobody_s(
    mail: Message, *, settings: EmailSettings, tokens: AddressTokens
) -> Because | None:
    if _is_ours(mail, settings=settings, tokens=tokens):
        return "own"
    if str(mail.get("Auto-Submitted", "no")).split(";")[0].strip().lower() != "no":
        return "automatic"
    is_bulk = str(mail.get("Precedence", "")).strip().lower() in _BULK
    is_listed = any(name.lower().startswith("list-") for name in mail.keys())  # noqa: SIM118
    has_no_sender = str(mail.get("Return-Path", "?")).strip() in {"<>", ""}
    if is_bulk or is_listed or has_no_sender or any(name in mail for name in _BY_MACHINE):
        return "automatic"
    return None


def _is_ours(mail: Message, *, settings: EmailSettings, tokens: AddressTokens) -> bool:
    if tokens.find(_values(mail, "Message-ID")) is not None:
        return True
    local_part, _, domain = settings.sender.partition("@")
    return any(
        each.partition("@")[0].partition("+")[0].lower() == local_part and _domain(each) == domain
        for each in _senders(mail)
    )


# --- mails that people wrote


def _reply(mail: Message, *, referral_id: UUID, words: SpokenWords, now: datetime) -> PartnerStatus:
    text = reply_text(mail)
    first, _, rest = text.partition("\n")
    said = words.read(first)
    message = (rest if said.known else text).strip()
    if files := count_attachments(mail):
        message += f"\n\n[{files} pièce(s) jointe(s), restée(s) dans la boîte aux lettres]"
    return PartnerStatus(
        status_id=_status_id(mail, referral_id, text),
        referral_id=referral_id,
        word=said.word,
        at=_written_at(mail, now=now),
        reason_word=said.reason_word,
        message=message.strip()[:LONGEST_MESSAGE] or None,
    )


def _status_id(mail: Message, referral_id: UUID, text: str) -> str:
    """The same for the same mail, however often and wherever it is delivered."""
    identity = mail.get("Message-ID") or f"{mail.get('Date')} {mail.get('From')}"
    content = "\n".join((str(identity).strip(), str(referral_id), text))
    return f"mail-{hashlib.sha256(storable(content).encode()).hexdigest()[:40]}"


def _written_at(mail: Message, *, now: datetime) -> datetime:
    """The mail's own date where it can be believed."""
    try:
        at = parsedate_to_datetime(str(mail.get("Date", "")))
        return at if now - _OLDEST < at <= now else now
    except (ValueError, TypeError, OverflowError, IndexError):
        return now


def _senders(mail: Message) -> list[str]:
    return [address for _, address in getaddresses(list(_values(mail, "From", "Sender")))]


def _values(mail: Message, *names: str) -> Iterator[str]:
    for name in names:
        yield from (str(value) for value in mail.get_all(name, []))


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
