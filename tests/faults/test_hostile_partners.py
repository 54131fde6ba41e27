"""Bad input from whoever claims to be an agency: refused or kept, with its reason, and no more.

What is not repeated here, as it is tried elsewhere already:

    XML entities, billion laughs      the rows of trouble_table.py; soap: test_soap_answers.py
    SFTP half files, repeated files   the rows of trouble_table.py; test_sftp_adapter.py
    SFTP half files for ever          test_sftp_half_files.py
    SFTP garbage, foreign referrals   test_sftp_service.py
    CSV cells that are formulas       test_sftp_files.py (what is written), and below (what arrives)
    replies on an agency's topic      test_poison.py (NUL, deep JSON, foreign referral, other key)
    pages of statuses that lie        test_rest_adapter.py, test_soap_answers.py
    every automatic mail there is     test_understand_mail.py, test_answers_by_mail.py
"""

import asyncio
import imaplib
import json
import re
import ssl
from collections import Counter as Tally
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import aiohttp
import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from standardwebhooks import Webhook

from services.partner_adapters.mail.address_token import AddressTokens
from tests.end_to_end.agencies import CALLING_BACK, Agencies
from tests.end_to_end.counter import PATIENCE, Case, Counter, Door, referral_of, steps, told
from tests.end_to_end.running_system import System

ELEVEN_MB = 11 * 1024 * 1024
STRANGER = "whsec_b3RoZXItc2VjcmV0LW9mLXRoZS10ZXN0cy0wMTIz"
MAILBOX_PORT = 7
"""After the simulators' control port."""


class Caller:
    """Calls back in an agency's name, rightly or wrongly."""

    def __init__(self, system: System, http: aiohttp.ClientSession, partner_id: str) -> None:
        self._http = http
        self._address = f"{system.partner_adapters}/partners/{partner_id}/status"
        self._key = system.partner_secrets[f"{partner_id.upper()}_CALLBACK_SECRET"]

    async def say(
        self,
        body: bytes,
        *,
        key: str | None = None,
        at: datetime | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        """The status and the problem's code, or the fields it names."""
        at, message_id = at or datetime.now(UTC), str(uuid4())
        signature = Webhook(key or self._key).sign(message_id, at, body.decode("latin-1"))
        signed = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        }
        async with self._http.post(
            self._address, data=body, headers=signed if headers is None else headers
        ) as response:
            if response.status == 204:
                return 204, ""
            problem = await response.json(content_type=None)
            wrong = ",".join(error["field"] for error in problem.get("errors", []))
            return response.status, wrong or problem["type"].rpartition(":")[2]


def status(referral_id: str, word: str, **changed: Any) -> bytes:
    said = {
        "id": f"evt-{uuid4()}",
        "referral_id": referral_id,
        "status": word,
        "at": datetime.now(UTC).isoformat(),
    }
    return json.dumps({**said, **changed}).encode()


ACKNOWLEDGED = {"caf": "ACCUSE", "engie": "received"}


@pytest.mark.parametrize("partner_id", CALLING_BACK)
async def test_a_callback_that_is_not_to_be_believed_changes_nothing_and_says_why(
    system: System,
    http: aiohttp.ClientSession,
    counter: Counter,
    agencies: Agencies,
    partner_id: str,
) -> None:
    other = next(each for each in CALLING_BACK if each != partner_id)
    others_key = system.partner_secrets[f"{other.upper()}_CALLBACK_SECRET"]
    acknowledged = ACKNOWLEDGED[partner_id]
    async with agencies.behaving([partner_id, other, "edf"], statuses=False):
        receipt = await counter.submit("Trois questions", to=[partner_id, other, "edf"])
        case = await counter.until_delivered(receipt.case_id)
        ours = referral_of(case, partner_id)["referral_id"]
        caller = Caller(system, http, partner_id)
        right = status(ours, acknowledged)
        six_minutes = timedelta(minutes=6)
        before = await counted(system, http, "callbacks_refused_total", partner_id)
        answers = {
            "a stranger's key": await caller.say(right, key=STRANGER),
            "another agency's key": await caller.say(right, key=others_key),
            "no signature": await caller.say(right, headers={"content-type": "application/json"}),
            "stale": await caller.say(right, at=datetime.now(UTC) - six_minutes),
            "too early": await caller.say(right, at=datetime.now(UTC) + six_minutes),
            "another agency's referral": await caller.say(
                status(referral_of(case, other)["referral_id"], acknowledged)
            ),
            "nobody's referral": await caller.say(status(str(uuid4()), acknowledged)),
            "11 MB": await caller.say(status(ours, acknowledged, message="x" * ELEVEN_MB)),
            "no JSON": await caller.say(b"\x01]"),
            "deep": await caller.say(b"[" * 100_000),
            "NUL": await caller.say(status(ours, "a\0", message="b\0")),
        }
        assert answers == {
            "a stranger's key": (401, "callback-signature-wrong"),
            "another agency's key": (401, "callback-signature-wrong"),
            "no signature": (401, "callback-header-missing"),
            "stale": (401, "callback-timestamp-stale"),
            "too early": (401, "callback-timestamp-stale"),
            "another agency's referral": (404, "statuses.0.referral_id"),
            "nobody's referral": (404, "statuses.0.referral_id"),
            "11 MB": (413, "too-large"),
            "no JSON": (400, "not-json"),
            "deep": (400, "not-json"),
            "NUL": (422, "status,message"),
        }
        after = await counted(system, http, "callbacks_refused_total", partner_id)
        assert after - before == {
            "signature_wrong": 2,
            "header_missing": 1,
            "timestamp_stale": 2,
            "foreign_referral": 2,
        }
        case = await counter.show(receipt.case_id)
        assert told(case, "referral.status_changed") == []
        # What is right is heard, once, however often it is said.
        assert [await caller.say(right) for _ in range(3)] == [(204, "")] * 3
        case = await counter.until(receipt.case_id, lambda case: bool(steps(case, partner_id)))
        assert steps(case, partner_id) == ["acknowledged"]
    await until_closed_in_step(counter, receipt.case_id, [partner_id, other, "edf"])


async def counted(
    system: System, http: aiohttp.ClientSession, metric: str, partner_id: str
) -> Tally[str]:
    """What operations watch: how often something was turned away from an agency, by reason."""
    async with http.get(f"{system.partner_adapters}/metrics") as response:
        found = re.findall(
            rf'aiguillage_{metric}{{because="(\w+)",partner="{partner_id}"}} (\S+)',
            await response.text(),
        )
    return Tally({because: int(float(count)) for because, count in found})


async def until_closed_in_step(counter: Counter, case_id: str, partner_ids: list[str]) -> Case:
    """Nobody was harmed: every agency of the case ends its work, each step once."""
    case = await counter.until(case_id, lambda case: case["status"] == "closed")
    for partner_id in partner_ids:
        assert steps(case, partner_id) == ["acknowledged", "in_progress", "resolved"]
    return case


async def test_a_reply_of_11_mb_does_not_even_reach_the_agency_s_topic(system: System) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=system.addresses["kafka"], max_request_size=2 * ELEVEN_MB
    )
    await producer.start()
    try:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait("partner-replies-casvp", b"x" * ELEVEN_MB, key=b"x")
    finally:
        await producer.stop()


@pytest.fixture
async def clerk(system: System, http: aiohttp.ClientSession) -> Door:
    """A person at the mairie's counter, at the portal."""
    intake = Door(http, system.intake)
    account = {"account": "guichet-mairie", "password": system.passwords["guichet-mairie"]}
    session = await intake.post("/api/v1/sessions", account)
    return Door(http, system.partner_adapters, session.content["token"])


async def test_at_the_portal_nobody_reaches_beyond_their_own_inbox(
    system: System,
    http: aiohttp.ClientSession,
    counter: Counter,
    agencies: Agencies,
    clerk: Door,
) -> None:
    both = ["mairie", "accompagnement"]
    async with agencies.broken(both, "down"):
        receipt = await counter.submit("Deux questions", to=both)
        case = await counter.until_delivered(receipt.case_id)
        ours, theirs = (status_address(referral_of(case, each)["referral_id"]) for each in both)
        said = {"status": "acknowledged"}
        nobody = Door(http, system.partner_adapters)
        answers = {
            "not signed in": await nobody.post(ours, said, key="h-0"),
            "another agency's": await clerk.post(theirs, said, key="h-1"),
            "nobody's": await clerk.post(status_address(str(uuid4())), said, key="h-2"),
            "11 MB": await clerk.post(ours, {**said, "message": "x" * ELEVEN_MB}, key="h-3"),
            "NUL": await clerk.post(ours, {**said, "message": "a\0"}, key="h-4"),
            "deep": await clerk.post(ours, nested(900), key="h-7"),
            "no word of ours": await clerk.post(ours, {"status": "delivered"}, key="h-5"),
        }
        assert {name: answer.status for name, answer in answers.items()} == {
            "not signed in": 401,
            "another agency's": 404,
            "nobody's": 404,
            "11 MB": 413,
            "NUL": 422,
            "deep": 422,
            "no word of ours": 422,
        }
        assert told(await counter.show(receipt.case_id), "referral.status_changed") == []
        twice = [await clerk.post(ours, said, key="h-6") for _ in range(2)]
        assert [answer.status for answer in twice] == [202, 202]
        assert twice[0].content == twice[1].content
    await until_closed_in_step(counter, receipt.case_id, both)


def status_address(referral_id: str) -> str:
    return f"/api/v1/portal/referrals/{referral_id}/status"


def nested(depth: int) -> Any:
    """A list in a list in a list…: as deep as Python's own writer of JSON can write."""
    return [nested(depth - 1)] if depth else []


async def test_a_formula_arrives_as_it_was_said(counter: Counter, agencies: Agencies) -> None:
    text = "=cmd|' /C calc'!A0\n+33 1 23 ; \"@SUM(1)\" ;\t-2"
    receipt = await counter.submit(text, to=["laposte"])
    case = await counter.until_delivered(receipt.case_id)
    entry = await agencies.until_received(
        "laposte", referral_id=referral_of(case, "laposte")["referral_id"]
    )
    assert entry["body"]["text"] == text


class Post:
    """Puts mails into our mailbox, as anybody in the world can."""

    def __init__(self, system: System) -> None:
        control = urlsplit(system.simulators)
        self._place = (str(control.hostname), int(control.port or 0) + MAILBOX_PORT)
        self._account = [
            system.partner_secrets[f"SNCF_MAIL_{name}"] for name in ("USER", "PASSWORD")
        ]
        self._tokens = AddressTokens(
            key=system.partner_secrets["SNCF_REPLY_KEY"], partner_id="sncf"
        )

    def answer(self, referral_id: str, text: str, **headers: str) -> EmailMessage:
        """A mail to the address that only this referral has."""
        token = self._tokens.token_of(UUID(referral_id))
        mail = EmailMessage()
        for name, value in {
            "From": "orientations@sncf.invalid",
            "To": f"aiguillage+{token}@aiguillage.invalid",
            "Subject": "Re: Orientation",
            "Message-ID": f"<{uuid4()}@sncf.invalid>",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }.items():
            mail[name] = value
        mail.set_content(text)
        return mail

    async def put(self, *mails: EmailMessage) -> None:
        await asyncio.to_thread(self._put, mails)

    def _put(self, mails: tuple[EmailMessage, ...]) -> None:
        unverified = ssl._create_unverified_context()  # our own simulator
        with imaplib.IMAP4(*self._place) as client:
            client.starttls(unverified)
            client.login(*self._account)
            for mail in mails:
                answer, _ = client.append("INBOX", "", "", mail.as_bytes())
                assert answer == "OK"


async def test_loops_machines_and_strangers_by_mail_are_not_heard_and_people_are(
    system: System,
    http: aiohttp.ClientSession,
    counter: Counter,
    agencies: Agencies,
    database: asyncpg.Connection,
) -> None:
    post = Post(system)
    async with agencies.behaving(["sncf", "edf"], statuses=False):
        receipt = await counter.submit("Deux questions", to=["sncf", "edf"])
        case = await counter.until_delivered(receipt.case_id)
        referral_id = referral_of(case, "sncf")["referral_id"]
        before = await counted(system, http, "mails_ignored_total", "sncf")
        buried = await letters(database)
        real = post.answer(referral_id, "accuse_reception\n")
        real.add_attachment(b"x" * ELEVEN_MB, maintype="image", subtype="tiff")
        await post.put(
            post.answer(referral_id, "regle\n", Auto_Submitted="auto-replied"),
            post.answer(referral_id, "regle\n", Precedence="bulk"),
            post.answer(referral_id, "regle\n", From="aiguillage@aiguillage.invalid"),
            post.answer(
                referral_id, "regle\n", From="x@evil.invalid", To="aiguillage@aiguillage.invalid"
            ),
            post.answer(referral_id, "regle\n", To=f"aiguillage+{'a' * 40}@aiguillage.invalid"),
            real,
            real,
        )
        case = await counter.until(receipt.case_id, lambda case: bool(steps(case, "sncf")))
        assert steps(case, "sncf") == ["acknowledged"]
        async with asyncio.timeout(PATIENCE):
            while await letters(database) == buried:  # the forged address: a person looks at it
                await asyncio.sleep(0.1)
        after = await counted(system, http, "mails_ignored_total", "sncf")
        assert after - before == {
            "automatic": 2,
            "own": 1,
            "stranger": 1,
        }
    await until_closed_in_step(counter, receipt.case_id, ["sncf", "edf"])


async def letters(database: asyncpg.Connection) -> int:
    """How many mails wait for a person to read them."""
    found: int = await database.fetchval(
        "SELECT count(*) FROM partner_adapters.dead_letters WHERE topic LIKE '%sncf%'"
    )
    return found
