"""The simulated agency that works by mail, written to as anybody writes mails."""

import asyncio
import json
import smtplib
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from imap_tools.mailbox import MailBoxStartTls

from services.partner_simulators.agencies import MAIL_AGENCY_ADDRESS
from services.partner_simulators.mail_certificates import Authority
from services.partner_simulators.settings import Settings
from tests.integration.partner_simulators.running import Agencies, simulated

AUTHORITY = Authority.make(now=datetime.now(UTC))
TRUST = ssl.create_default_context(cadata=AUTHORITY.certificate)
OURS = "aiguillage+x@aiguillage.invalid"
Form = Callable[..., dict[str, Any]]


@pytest.fixture
async def agencies() -> AsyncIterator[Agencies]:
    settings = Settings(
        simulator_partners=("sncf",),
        simulator_base_port=0,
        simulator_pace=0.01,
        simulator_outcome="resolved",
        simulator_sncf_private_key=AUTHORITY.pem,
        secret_sncf_mail_user="us",
        secret_sncf_mail_password="password",
    )
    async with simulated(settings) as running:
        yield running


def mail(form: dict[str, Any], *, name: str = "orientation.json") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "Une demande"
    message["From"] = message["Reply-To"] = OURS
    message["To"] = MAIL_AGENCY_ADDRESS
    message["Message-ID"] = "<m1@aiguillage.invalid>"
    message.set_content("Bonjour")
    message.add_attachment(
        json.dumps(form).encode(), maintype="application", subtype="json", filename=name
    )
    return message


async def send(agencies: Agencies, message: EmailMessage, **given: Any) -> None:
    await asyncio.to_thread(_send, agencies.address("sncf"), message, **given)


def _send(
    address: str, message: EmailMessage, *, password: str = "password", encrypt: bool = True
) -> None:
    where = urlsplit(address)
    with smtplib.SMTP(where.hostname, where.port, timeout=10) as smtp:
        if encrypt:
            smtp.starttls(context=TRUST)
            smtp.login("us", password)
        smtp.send_message(message)


async def received(agencies: Agencies) -> list[EmailMessage]:
    """The mails in our mailbox, oldest first."""
    return await asyncio.to_thread(_received, agencies.simulators["sncf"].mailbox_address)


def _received(address: str) -> list[EmailMessage]:
    where = urlsplit(address)
    with MailBoxStartTls(where.hostname, where.port, ssl_context=TRUST, timeout=10) as box:
        box.login("us", "password")
        raws = [found.obj.as_bytes() for found in box.fetch(mark_seen=False)]
    return [message_from_bytes(raw, EmailMessage, policy=default) for raw in raws]


async def answers(agencies: Agencies, count: int) -> list[EmailMessage]:
    async with asyncio.timeout(30):
        while len(found := await received(agencies)) < count:
            await asyncio.sleep(0.05)
    return found


def words(mails: list[EmailMessage]) -> list[str]:
    return [str(each.get_content()).splitlines()[0] for each in mails]


async def test_a_mail_is_filed_and_answered_step_by_step(
    agencies: Agencies, referral: Form
) -> None:
    form = referral(visitor={"given_name": "Awa"})
    await send(agencies, mail(form))
    found = await answers(agencies, 3)
    assert words(found) == ["accuse_reception", "en_cours", "regle"]
    assert {each["To"] for each in found} == {OURS}
    assert {each["In-Reply-To"] for each in found} == {"<m1@aiguillage.invalid>"}
    assert len({each["Message-ID"] for each in found}) == 3
    assert "> Bonjour" in found[0].get_content()
    [entry] = (await agencies.ledger("sncf"))["entries"]
    assert (entry["times"], entry["body"]) == (1, form)


async def test_people_file_the_same_mail_twice(agencies: Agencies, referral: Form) -> None:
    form = referral(visitor={})
    await send(agencies, mail(form))
    await send(agencies, mail(form))
    assert (await agencies.ledger("sncf"))["duplicates"] == 1


async def test_what_they_must_not_receive_is_refused(agencies: Agencies, referral: Form) -> None:
    await send(agencies, mail(referral(visitor={"postcode": "75019"})))
    [refusal] = await answers(agencies, 1)
    assert words([refusal]) == ["refuse incomplet"]
    assert "visitor.postcode" in refusal.get_content()


async def test_a_visitor_s_answer_and_a_withdrawal_are_taken(
    agencies: Agencies, referral: Form
) -> None:
    form = referral(visitor={})
    about, moment = {"referral_id": form["referral_id"]}, "2026-11-23T10:00:00Z"
    answer = {**about, "answer_id": str(uuid4()), "text": "voici", "answered_at": moment}
    await send(agencies, mail(form))
    await send(agencies, mail(answer, name="reponse.json"))
    await send(agencies, mail({**about, "withdrawn_at": moment}, name="retrait.json"))
    entries = (await agencies.ledger("sncf"))["entries"]
    assert [entry["what"] for entry in entries] == ["referral", "answer", "withdrawal"]


async def test_nobody_hands_a_mail_in_without_encryption_or_password(
    agencies: Agencies, referral: Form
) -> None:
    message = mail(referral(visitor={}))
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        await send(agencies, message, encrypt=False)
    assert refused.value.smtp_code == 530
    with pytest.raises(smtplib.SMTPAuthenticationError) as unknown:
        await send(agencies, message, password="another")
    assert unknown.value.smtp_code == 535
    assert (await agencies.ledger("sncf"))["entries"] == []


async def test_an_unknown_recipient_is_refused(agencies: Agencies, referral: Form) -> None:
    message = mail(referral(visitor={}))
    message.replace_header("To", "somebody@sncf.invalid")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        await send(agencies, message)


async def test_each_answer_arrives_twice_under_the_same_id(
    agencies: Agencies, referral: Form
) -> None:
    assert await agencies.order("faults", "sncf", fault="duplicate_statuses") == 200
    await send(agencies, mail(referral(visitor={})))
    found = await answers(agencies, 6)
    assert len(found) == 6
    assert len({each["Message-ID"] for each in found}) == 3


async def test_a_later_answer_arrives_before_an_earlier_one(
    agencies: Agencies, referral: Form
) -> None:
    await agencies.order("faults", "sncf", fault="out_of_order_statuses", seconds=0.1)
    await send(agencies, mail(referral(visitor={})))
    assert words(await answers(agencies, 3)) == ["en_cours", "accuse_reception", "regle"]


async def test_down_closes_both_servers_and_forgets_nothing(
    agencies: Agencies, referral: Form
) -> None:
    await send(agencies, mail(referral(visitor={})))
    await answers(agencies, 3)
    await agencies.order("faults", "sncf", fault="down")
    with pytest.raises(OSError, match="refused"):
        await send(agencies, mail(referral(visitor={})))
    with pytest.raises(OSError, match="refused"):
        await received(agencies)
    await agencies.order("faults", "sncf", fault=None)
    assert len(await received(agencies)) == 3


async def test_a_fault_it_cannot_have_is_refused(agencies: Agencies) -> None:
    assert await agencies.order("faults", "sncf", fault="html") == 422
    assert await agencies.order("faults", "sncf", fault="nonsense") == 422
