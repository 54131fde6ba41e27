"""`email` against a real SMTP server and a real mailbox: what each behaviour of them means."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.partner_adapters.mail.connect import connect_by_mail
from services.partner_adapters.mail.read_mailbox import LONGEST_READ, MOST_MAILS
from services.partner_adapters.partner_adapter import (
    Delivery,
    OutcomeUnknown,
    PartnerNeedsAttention,
    PartnerRefused,
    PartnerUnavailable,
)
from services.partner_adapters.partner_environment import PartnerNotConfigured
from services.partner_adapters.partner_network import Reach
from services.partner_simulators.mail_certificates import Authority
from shared.plumbing.clock import SystemClock
from tests.integration.partner_adapters.mail_servers import (
    AUTHORITY,
    RECIPIENT,
    SENDER,
    TOKENS,
    MailServers,
    mail_servers,
)

ANOTHER = Authority.make(now=datetime.now(UTC))


@pytest.fixture
async def servers() -> AsyncIterator[MailServers]:
    async with mail_servers() as servers:
        yield servers


def delivery(what="referral"):
    return Delivery(
        delivery_id=uuid4(),
        case_id=uuid4(),
        referral_id=uuid4(),
        what=what,
        body={"text": "é\n.\n..", "case_reference": "K7M4-QX9T"},
    )


def answer(referral_id, text="en_cours", *, number=None, more=b""):
    to = f"aiguillage+{TOKENS.token_of(referral_id)}@aiguillage.invalid"
    return (
        f"From: {RECIPIENT}\r\nTo: {to}\r\nMessage-ID: <{number or uuid4()}@sncf.invalid>\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode() + more


# --- handing in


async def test_a_referral_is_one_mail_from_its_own_address(servers):
    adapter, handed = servers.adapter(), delivery()
    [receipt] = await adapter.deliver([handed])
    [mail] = servers.mails()
    token = TOKENS.token_of(handed.referral_id)
    assert receipt.answer.startswith("250")
    assert (mail["From"], mail["To"]) == (f"Aiguillage <{SENDER}>", RECIPIENT)
    assert mail["Reply-To"] == f"aiguillage+{token}@aiguillage.invalid"
    assert mail["Message-ID"] == f"<{handed.referral_id}.{token}@aiguillage.invalid>"
    assert "é\r\n.\r\n..\r\n" in mail.get_body(("plain",)).get_content()
    await adapter.close()


FAULTS = {
    "greylist": (PartnerUnavailable, "smtp_451"),
    "garbage": (PartnerUnavailable, "unreadable_answer"),
    "refuse": (PartnerRefused, "smtp_554"),
    "unauthorized": (PartnerNeedsAttention, "unauthorized"),
    "no_starttls": (PartnerNeedsAttention, "no_starttls"),
    "expired_certificate": (PartnerNeedsAttention, "certificate_or_tls"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_trouble_before_the_mail_is_taken_says_what_to_do_next(servers, fault):
    adapter = servers.adapter()
    servers.break_down(fault)
    failure, reason = FAULTS[fault]
    with pytest.raises(failure) as raised:
        await adapter.deliver([delivery()])
    assert raised.value.reason == reason
    assert servers.taken == []
    servers.faults.set(None)
    await adapter.deliver([delivery()])
    assert len(servers.taken) == 1
    await adapter.close()


async def test_a_line_cut_after_the_final_dot_leaves_it_unknown(servers):
    adapter = servers.adapter()
    servers.break_down("cut_after_accept")
    with pytest.raises(OutcomeUnknown, match="line_cut"):
        await adapter.deliver([delivery()])
    assert len(servers.taken) == 1
    await adapter.close()


async def test_an_answer_that_does_not_come_leaves_it_unknown(servers):
    adapter = servers.adapter(timeout=0.5)
    servers.break_down("slow", seconds=30)
    with pytest.raises(OutcomeUnknown, match="timed_out"):
        await adapter.deliver([delivery()])
    await adapter.close()


async def test_a_server_that_is_down_certainly_did_not_take_it(servers):
    adapter = servers.adapter()
    await servers.post.close()
    with pytest.raises(PartnerUnavailable, match="connection_refused"):
        await adapter.deliver([delivery()])
    await adapter.close()


SCRIPTS = {
    "5xx greeting": (["554 no"], PartnerNeedsAttention, "smtp_554"),
    "4xx greeting": (["421 later"], PartnerUnavailable, "smtp_421"),
    "silent after the greeting": (["220 hello"], PartnerUnavailable, "line_cut"),
    "sender not allowed": (["530 sign in"], PartnerNeedsAttention, "unauthorized"),
    "unknown recipient": (["250 ok", "550 unknown"], PartnerNeedsAttention, "smtp_550"),
    "too large for it": (["552 too large"], PartnerRefused, "smtp_552"),
    "DATA not now": (["250 ok", "250 ok", "451 later"], PartnerUnavailable, "smtp_451"),
    "DATA never": (["250 ok", "250 ok", "554 no"], PartnerRefused, "smtp_554"),
    "nonsense at last": (["250", "250", "354", "what?"], OutcomeUnknown, "unreadable_answer"),
    "another 2xx at last": (["250", "250", "354", "252 hm"], OutcomeUnknown, "unreadable_answer"),
    "full at last": (["250", "250", "354", "452 full"], PartnerUnavailable, "smtp_452"),
    "cut before DATA is answered": (["250", "250"], OutcomeUnknown, "line_cut"),
}
_SIGNED_IN = ["220 hello", "250-me\r\n250 AUTH PLAIN", "235 come in"]


@asynccontextmanager
async def playing(script, *, encrypted):
    """A server that answers each line with the next of its script, then hangs up."""

    async def serve(reader, writer):
        writer.write(f"{script[0]}\r\n".encode())
        in_mail = False
        for reply in script[1:]:
            while line := await reader.readline():
                if not in_mail or line == b".\r\n":
                    break
            in_mail = reply.startswith("354")
            writer.write(f"{reply}\r\n".encode())
        await reader.readline()
        writer.close()

    tls = AUTHORITY.server_context("127.0.0.1", now=datetime.now(UTC)) if encrypted else None
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        scheme = "smtps" if encrypted else "smtp"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("name", SCRIPTS)
async def test_each_answer_means_what_its_table_says(servers, name):
    replies, failure, reason = SCRIPTS[name]
    at_once = "greeting" in name
    script = replies if at_once else [*_SIGNED_IN, *replies]
    async with playing(script, encrypted=True) as address:
        adapter = servers.adapter(PARTNER_ADDRESS_SNCF=address)
        with pytest.raises(failure) as raised:
            await adapter.deliver([delivery()])
        await adapter.close()
    assert raised.value.reason == reason


async def test_implicit_tls_is_spoken_where_the_address_says_so(servers):
    script = [*_SIGNED_IN, "250 ok", "250 ok", "354 go on", "250 it is here", "221 bye"]
    async with playing(script, encrypted=True) as address:
        adapter = servers.adapter(PARTNER_ADDRESS_SNCF=address)
        [receipt] = await adapter.deliver([delivery()])
        await adapter.close()
    assert receipt.answer == "250 it is here"


@pytest.mark.parametrize("scheme", ["smtp", "imap"])
async def test_a_certificate_by_another_authority_is_never_trusted(servers, scheme):
    adapter = servers.adapter(SECRET_SNCF_CERTIFICATE_AUTHORITY=ANOTHER.certificate)
    with pytest.raises(PartnerNeedsAttention, match="certificate"):
        await (adapter.deliver([delivery()]) if scheme == "smtp" else adapter.collect(None))
    assert servers.taken == []
    await adapter.close()


async def test_a_server_on_a_private_network_is_never_connected_to(servers):
    partner = replace(servers.partner(), reach=Reach())
    adapter = connect_by_mail(partner, clock=SystemClock())
    for call in (adapter.deliver([delivery()]), adapter.collect(None)):
        with pytest.raises(PartnerNeedsAttention, match="address_not_permitted"):
            await call
    await adapter.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"SECRET_SNCF_CERTIFICATE_AUTHORITY": "no certificate"},
        {"SECRET_SNCF_REPLY_KEY": "short"},
        {"PARTNER_ADDRESS_SNCF": "https://sncf.invalid"},
        {"PARTNER_STATUS_ADDRESS_SNCF": "smtp://sncf.invalid"},
    ],
)
async def test_what_cannot_work_shows_at_start_up(servers, wrong):
    with pytest.raises(PartnerNotConfigured, match="sncf") as refused:
        servers.adapter(**wrong)
    assert "short" not in str(refused.value).split()


# --- reading answers


async def test_each_answer_is_read_once(servers):
    adapter = servers.adapter()
    ids = [uuid4() for _ in range(3)]
    await servers.mailbox.put(answer(ids[0]))
    await servers.mailbox.put(answer(ids[1], "regle\nC’est fait."))
    first = await adapter.collect(None)
    assert [each.referral_id for each in first.statuses] == ids[:2]
    assert first.statuses[1].message == "C’est fait."
    nothing = await adapter.collect(first.cursor)
    assert (list(nothing.statuses), nothing.cursor) == ([], first.cursor)
    await servers.mailbox.put(answer(ids[2]))
    [third] = (await adapter.collect(nothing.cursor)).statuses
    assert third.referral_id == ids[2]
    await adapter.close()


async def test_a_mailbox_made_anew_is_read_again_under_the_same_ids(servers):
    adapter, mail = servers.adapter(), answer(uuid4())
    await servers.mailbox.put(mail)
    before = await adapter.collect(None)
    async with mail_servers() as others:
        await others.mailbox.put(mail)
        moved = others.adapter()
        after = await moved.collect(before.cursor)
        await moved.close()
    assert after.cursor != before.cursor
    assert [each.status_id for each in after.statuses] == [
        each.status_id for each in before.statuses
    ]
    await adapter.close()


async def test_a_cursor_that_is_none_begins_at_the_beginning(servers):
    adapter = servers.adapter()
    await servers.mailbox.put(answer(uuid4()))
    for cursor in (None, "", "yesterday", "1:2:3"):
        assert len((await adapter.collect(cursor)).statuses) == 1
    await adapter.close()


async def test_a_full_mailbox_comes_in_pages_and_none_is_skipped(servers):
    adapter = servers.adapter()
    ids = [uuid4() for _ in range(MOST_MAILS + 5)]
    for each in ids:
        await servers.mailbox.put(answer(each))
    seen, cursor = [], None
    while page := (found := await adapter.collect(cursor)).statuses:
        assert len(page) <= MOST_MAILS
        seen += [each.referral_id for each in page]
        cursor = found.cursor
    assert seen == ids
    await adapter.close()


async def test_of_a_mail_of_11_megabytes_only_the_beginning_is_read(servers):
    adapter, referral_id = servers.adapter(), uuid4()
    await servers.mailbox.put(answer(referral_id, "regle", more=b"x" * 70 + b"\r\n"))
    huge = answer(referral_id, "en_cours", more=(b"x" * 70 + b"\r\n") * (11 * 1024 * 1024 // 72))
    await servers.mailbox.put(huge)
    page = await adapter._mailbox.read_after(None)
    assert max(len(mail) for mail in page.mails) == LONGEST_READ
    words = [each.word for each in (await adapter.collect(None)).statuses]
    assert words == ["regle", "en_cours"]
    await adapter.close()


async def test_what_means_nothing_is_counted_and_passed_over(servers):
    adapter = servers.adapter()
    mails = [
        answer(uuid4()).replace(b"\r\n\r\n", b"\r\nAuto-Submitted: auto-replied\r\n\r\n", 1),
        b"From: spam@evil.invalid\r\n\r\nBuy\r\n",
        answer(uuid4()),
        b"From: jean@sncf.invalid\r\nTo: aiguillage@aiguillage.invalid\r\n\r\nAllo ?\r\n",
    ]
    for mail in mails:
        await servers.mailbox.put(mail)
    page = await adapter.collect(None)
    assert len(page.statuses) == 1
    [lost] = page.unreadable
    assert "Allo ?" in lost
    await adapter.close()


async def test_a_mailbox_that_is_down_is_asked_again_later(servers):
    adapter = servers.adapter()
    await servers.mailbox.put(answer(uuid4()))
    await servers.mailbox.close()
    with pytest.raises(PartnerUnavailable):
        await adapter.collect(None)
    await servers.mailbox.open()
    assert len((await adapter.collect(None)).statuses) == 1
    await adapter.close()


async def test_a_wrong_password_for_the_mailbox_needs_a_person(servers):
    adapter = servers.adapter(SECRET_SNCF_MAIL_PASSWORD="another")
    with pytest.raises(PartnerNeedsAttention, match="unauthorized"):
        await adapter.collect(None)
    await adapter.close()


async def test_no_password_is_said_to_a_mailbox_without_encryption(servers):
    heard = []

    async def serve(reader, writer):
        writer.write(b"* OK hello\r\n")
        while line := await reader.readline():
            heard.append(line)
            tag = line.split()[0]
            writer.write(b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        adapter = servers.adapter(PARTNER_STATUS_ADDRESS_SNCF=f"imap://127.0.0.1:{port}")
        with pytest.raises(PartnerNeedsAttention, match="no_starttls"):
            await adapter.collect(None)
        await adapter.close()
    assert not any(b"LOGIN" in line or b"AUTH" in line for line in heard)


@pytest.mark.parametrize("greeting", [b"\x00\xff{]garbage\r\n", b"", b"* BYE go away\r\n"])
async def test_nonsense_from_a_mailbox_is_trouble_for_later(servers, greeting):
    async def serve(_, writer):
        writer.write(greeting)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        adapter = servers.adapter(PARTNER_STATUS_ADDRESS_SNCF=f"imap://127.0.0.1:{port}")
        with pytest.raises(PartnerUnavailable):
            await adapter.collect(None)
        await adapter.close()


async def test_a_silent_mailbox_is_given_up_and_its_thread_let_go(servers):
    gone = asyncio.Event()

    async def serve(reader, writer):
        await reader.read()
        gone.set()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        adapter = servers.adapter(
            timeout=60, PARTNER_STATUS_ADDRESS_SNCF=f"imap://127.0.0.1:{port}"
        )
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await adapter.collect(None)
        async with asyncio.timeout(20):
            await gone.wait()
        await adapter.close()
