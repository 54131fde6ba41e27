"""What docs/partners/email.md shows is what we send, and what we understand."""

import json
import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from uuid import UUID

import pytest

from services.partner_adapters.mail.address_token import AddressTokens
from services.partner_adapters.mail.read_mailbox import LONGEST_READ
from services.partner_adapters.mail.settings import EmailSettings
from services.partner_adapters.mail.spoken_words import SpokenWords
from services.partner_adapters.mail.understand_mail import understand_mail
from services.partner_adapters.mail.write_mail import write_mail
from services.partner_adapters.partner_adapter import Delivery, PartnerStatus
from services.partner_adapters.read_partner_files import load_partner_files
from services.partner_adapters.registry import ADAPTERS

PAGE = (Path(__file__).parents[4] / "docs" / "partners" / "email.md").read_text("utf-8")
SNCF = load_partner_files(kinds=ADAPTERS)["sncf"]
SETTINGS = SNCF.settings_of(EmailSettings)
TOKENS = AddressTokens(key="cle-d-exemple-de-cette-page-32-caracteres", partner_id="sncf")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def test_the_mail_shown_is_the_mail_we_write() -> None:
    [shown], [body] = blocks("text"), [json.loads(block) for block in blocks("json")]
    referral_id = UUID(body["referral_id"])
    address = f"aiguillage+{TOKENS.token_of(referral_id)}@aiguillage.invalid"
    written = write_mail(
        Delivery(
            delivery_id=referral_id,
            case_id=referral_id,
            referral_id=referral_id,
            what="referral",
            body=body,
        ),
        partner=SNCF,
        sender=SETTINGS.sender,
        reply_to=address,
        recipient=SETTINGS.recipient,
        now=datetime(2026, 11, 23, 10, 0, 3, tzinfo=UTC),
    )
    mail = message_from_bytes(written.as_bytes(), EmailMessage, policy=default)
    head, _, text = shown.partition("\n\n")
    assert [line.partition(": ")[::2] for line in head.splitlines()] == [
        (name, str(mail[name])) for name in re.findall(r"(?m)^([\w-]+): ", head)
    ]
    part = mail.get_body(("plain",))
    assert part is not None
    assert part.get_content().replace("\r\n", "\n").strip() == text.strip()
    [file] = mail.iter_attachments()
    assert json.loads(str(file.get_content(), "utf-8")) == body


@pytest.mark.parametrize("number", range(2))
def test_the_answers_shown_are_understood_as_the_page_says(number: int) -> None:
    status = understand_mail(
        blocks("eml")[number].encode(),
        settings=SETTINGS,
        tokens=TOKENS,
        words=SpokenWords(statuses=SNCF.statuses, refusal_reasons=SNCF.refusal_reasons),
        now=datetime(2026, 11, 25, tzinfo=UTC),
    )
    assert isinstance(status, PartnerStatus)
    said = re.findall(r"we understand: `(\w+)`(?:.*?reason `(\w+)`)?", PAGE)[number]
    assert (status.word, status.reason_word or "") == said
    assert status.message
    assert "Bonjour" not in status.message


def test_the_limit_shown_is_that_of_the_code() -> None:
    assert f"{LONGEST_READ // 1024} kio" in PAGE
