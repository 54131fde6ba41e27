"""From the mailbox to the referral: what an agency's mails do to what we know."""

from collections.abc import AsyncIterator
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any
from uuid import UUID

import pytest

from services.partner_adapters.collect_statuses import collect_statuses
from tests.integration.partner_adapters.house import House
from tests.integration.partner_adapters.mail_servers import (
    RECIPIENT,
    TOKENS,
    MailServers,
    mail_servers,
)


@pytest.fixture
async def servers() -> AsyncIterator[MailServers]:
    async with mail_servers() as servers:
        yield servers


@pytest.fixture
async def look(house: House, servers: MailServers) -> AsyncIterator[Any]:
    """One look into the mailbox, recorded; returns how many mails said something."""
    adapter = servers.adapter(clock=house.clock)

    async def look() -> int:
        return await collect_statuses(
            house.database,
            partner_id="sncf",
            adapter=adapter,
            record=house.record_statuses,
            sealer=house.sealer,
            clock=house.clock,
        )

    yield look
    await adapter.close()


def answer(referral_id: UUID, text: str, *, number: int = 1, **headers: str) -> bytes:
    mail = EmailMessage(policy=SMTP.clone(max_line_length=500))
    mail["From"] = RECIPIENT
    mail["To"] = f"aiguillage+{TOKENS.token_of(referral_id)}@aiguillage.invalid"
    mail["Message-ID"] = f"<{number}@sncf.invalid>"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail.as_bytes()


async def uncertain(house: House) -> Any:
    """A referral whose mail may have arrived."""
    event = await house.issue("sncf")
    [claimed] = await house.claim("sncf")
    await house.record(claimed, "unknown", reason="line_cut")
    assert (await house.delivery(event))["state"] == "uncertain"
    return event


async def test_an_answer_proves_that_an_uncertain_mail_arrived(
    house: House, servers: MailServers, look: Any
) -> None:
    event = await uncertain(house)
    await servers.mailbox.put(answer(event.referral_id, "en_cours\n"))
    assert await look() == 1
    assert (await house.delivery(event))["state"] == "delivered"
    assert (await house.referral(event))["status"] == "in_progress"


async def test_a_mail_that_came_twice_is_one_status(
    house: House, servers: MailServers, look: Any
) -> None:
    event = await uncertain(house)
    for _ in range(2):
        await servers.mailbox.put(answer(event.referral_id, "en_cours\n"))
    await look()
    assert await look() == 0
    said = await house.said(event)
    assert said.count("referral.status_changed.v1") == 1


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("Bonjour, voyez avec le 3635.\n", {}),
        ("user unknown\n", {"Return_Path": "<>", "Sender": "MAILER-DAEMON@relay.invalid"}),
    ],
    ids=["an unknown answer", "a bounce"],
)
async def test_what_is_no_status_needs_a_person(
    house: House, servers: MailServers, look: Any, text: str, headers: dict[str, str]
) -> None:
    event = await uncertain(house)
    await servers.mailbox.put(answer(event.referral_id, text, **headers))
    await look()
    referral = await house.referral(event)
    assert referral["needs_person"]
    assert referral["status"] == "delivered"


async def test_a_mail_nobody_can_match_is_buried_sealed_for_a_person(
    house: House, servers: MailServers, look: Any
) -> None:
    await servers.mailbox.put(f"From: {RECIPIENT}\r\n\r\nMme Diallo attend.\r\n".encode())
    assert await look() == 1
    row = await house.row("SELECT * FROM partner_adapters.dead_letters")
    assert "Diallo" not in str(row)
    assert await look() == 0


async def test_machines_and_strangers_leave_nothing_behind(
    house: House, servers: MailServers, look: Any
) -> None:
    event = await uncertain(house)
    await servers.mailbox.put(answer(event.referral_id, "regle\n", Auto_Submitted="auto-replied"))
    await servers.mailbox.put(b"From: x@evil.invalid\r\n\r\nregle\r\n")
    assert await look() == 0
    assert (await house.delivery(event))["state"] == "uncertain"
    [letters] = (await house.row("SELECT count(*) FROM partner_adapters.dead_letters")).values()
    assert letters == 0
