"""One suite for every kind, each against its real peer: HTTP, SMTP, Kafka, PostgreSQL."""

import asyncio
import json
import secrets
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from joserfc import jwe
from joserfc.jwk import ECKey

from services.partner_adapters.partner_adapter import (
    Delivery,
    OutcomeUnknown,
    PartnerUnavailable,
)
from services.partner_adapters.partner_environment import connect_partners
from services.partner_adapters.portal_store import HandedOver, PortalInbox
from services.partner_adapters.queue_producer import QueueProducer
from services.partner_adapters.read_partner_files import parse_partner_file
from services.partner_adapters.registry import ADAPTERS, Transports
from services.partner_simulators.settings import Settings as SimulatorSettings
from shared.contracts.personal import WrittenContent
from shared.contracts.topics import Topic, partner_queue_topic
from shared.plumbing.database import DatabaseUnavailable
from shared.plumbing.topic_admin import create_topics
from tests.integration.partner_adapters.house import House
from tests.integration.partner_adapters.mail_servers import mail_servers
from tests.integration.partner_adapters.sftp_agency import (
    OUR_KEY,
    THEIR_PUBLIC_KEY,
    running_agency,
)
from tests.integration.partner_adapters.stub_partner import stub_partner
from tests.integration.partner_simulators.running import simulated

AGENCY_KEY = ECKey.generate_key("P-256")
FILE = """
id = "{id}"
name = "Essai"
kind = "{kind}"
after_unknown = "resend"
permitted_fields = []
[credentials]
{credentials}
[status_return]
{status_return}
[statuses]
a = "acknowledged"
"""
CREDENTIALS = {
    "rest": 'way = "api_key"\napi_key = "T_KEY"',
    "kafka_queue": 'way = "public_key"\npublic_key = "T_PUBLIC"',
    "portal": 'way = "none"',
    "webhook": 'way = "signing_keys"\nsigning_keys = "T_SIGNING"',
    "sftp": """
way = "ssh_key"
username = "aiguillage"
private_key = "T_SSH_KEY"
host_key = "T_SSH_HOST_KEY"
""",
    "soap": 'way = "password"\nusername = "T_KEY"\npassword = "T_KEY"',
    "email": """
way = "password"
username = "T_KEY"
password = "T_KEY"
[settings]
sender = "us@example.org"
recipient = "them@example.org"
reply_key = "T_REPLY_KEY"
""",
}
STATUS_RETURN = {
    "kafka_queue": 'way = "topic"',
    "portal": 'way = "portal"',
    "webhook": 'way = "callback"\nsecret = "T_SIGNING"',
}
NOWHERE = {"email": "smtp://127.0.0.1:9", "sftp": "sftp://127.0.0.1:9"}


def partner_of(kind, *, partner_id="caf", address=None):
    text = FILE.format(
        id=partner_id,
        kind=kind,
        credentials=CREDENTIALS[kind],
        status_return=STATUS_RETURN.get(kind, 'way = "polling"'),
    )
    file = parse_partner_file(text, name=f"{partner_id}.toml", kinds=ADAPTERS)
    environment = {
        "AIGUILLAGE_SECRET_T_KEY": "k",
        "AIGUILLAGE_SECRET_T_SSH_KEY": OUR_KEY,
        "AIGUILLAGE_SECRET_T_SSH_HOST_KEY": THEIR_PUBLIC_KEY,
        "AIGUILLAGE_SECRET_T_REPLY_KEY": "k" * 32,
        "AIGUILLAGE_SECRET_T_SIGNING": "whsec_c2VjcmV0LW9mLXRoZS10ZXN0cw==",
        "AIGUILLAGE_SECRET_T_PUBLIC": json.dumps(AGENCY_KEY.as_dict(private=False)),
        f"AIGUILLAGE_PARTNER_ADDRESS_{partner_id.upper()}": address or "",
        f"AIGUILLAGE_PARTNER_STATUS_ADDRESS_{partner_id.upper()}": "imap://127.0.0.1:9",
    }
    return connect_partners({partner_id: file}, environment, on_loopback=True)[partner_id]


class _NoQueue:
    async def send(self, **_):
        raise AssertionError("another kind's transport")


class _DatabaseAway:
    async def run_alone(self, *_):
        raise DatabaseUnavailable


def build(kind, house, *, queue=None, database=None, partner=None):
    transports = Transports(
        queue=queue or _NoQueue(),
        inbox=PortalInbox(
            database=database or house.database, sealer=house.sealer, clock=house.clock
        ),
        clock=house.clock,
    )
    return ADAPTERS[kind].build(partner or partner_of(kind), transports)


@asynccontextmanager
async def rest(house, _):
    """Deliveries as the partner got them: (repetition key, what, body)."""
    async with stub_partner() as stub:
        adapter = build("rest", house, partner=partner_of("rest", address=stub.address))

        async def got():
            whats = {"referrals": "referral", "answers": "answer", "withdrawal": "withdrawal"}
            return [
                (each.headers["Idempotency-Key"], whats[each.path.split("/")[-1]], each.body)
                for each in stub.asked
            ]

        yield adapter, got
        await adapter.close()


@asynccontextmanager
async def kafka_queue(house, kafka):
    partner_id = f"k{secrets.token_hex(4)}"
    topic: Topic = partner_queue_topic(partner_id)
    await create_topics(kafka.internal, [topic])
    queue = QueueProducer(kafka=kafka.internal, timeout=8)
    running = asyncio.create_task(queue.run())
    partner = partner_of("kafka_queue", partner_id=partner_id)
    adapter = build("kafka_queue", house, queue=queue, partner=partner)
    consumer = AIOKafkaConsumer(
        topic.name, bootstrap_servers=kafka.internal, auto_offset_reset="earliest"
    )
    while queue._producer is None:
        await asyncio.sleep(0.02)
    letters = []

    async def got():
        while True:
            batches = await consumer.getmany(timeout_ms=1000)
            if not batches:
                return letters
            for message in (each for batch in batches.values() for each in batch):
                headers = {name: value.decode() for name, value in message.headers}
                opened = jwe.decrypt_compact(
                    message.value.decode(), AGENCY_KEY, algorithms=["ECDH-ES+A256KW", "A256GCM"]
                )
                what = headers["ce_type"].removeprefix("aiguillage.")
                letters.append((headers["ce_id"], what, opened.plaintext))

    async with consumer:
        yield adapter, got
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await adapter.close()


@asynccontextmanager
async def portal(house, _):
    adapter = build("portal", house)

    async def got():
        found = []
        for row in await house.database.fetch("SELECT * FROM partner_adapters.portal_inbox"):
            opened = house.sealer.open(row["sealed"], HandedOver, bound_to=row["case_id"])
            found.append((str(row["referral_id"]), "referral", json.dumps(opened.body).encode()))
            case_id = row["case_id"]
            if row["withdrawn_at"]:
                found.append((str(row["referral_id"]), "withdrawal", b"{}"))
        for row in await house.database.fetch("SELECT * FROM partner_adapters.portal_messages"):
            text = house.sealer.open(row["sealed"], WrittenContent, bound_to=case_id).text
            found.append((str(row["message_id"]), "answer", json.dumps({"text": text}).encode()))
        return found

    yield adapter, got
    await adapter.close()


@asynccontextmanager
async def webhook(house, _):
    async with stub_partner() as stub:
        adapter = build("webhook", house, partner=partner_of("webhook", address=stub.address))

        async def got():
            whats = {
                "referral.issued": "referral",
                "referral.answer_given": "answer",
                "referral.recalled": "withdrawal",
            }
            messages = [json.loads(each.body) for each in stub.asked]
            return [
                (
                    asked.headers["webhook-id"],
                    whats[message["type"]],
                    json.dumps(message["data"]).encode(),
                )
                for asked, message in zip(stub.asked, messages, strict=True)
            ]

        yield adapter, got
        await adapter.close()


@asynccontextmanager
async def email(house, _):
    async with mail_servers() as servers:
        adapter = build("email", house, partner=servers.partner())

        async def got():
            whats = {"orientation": "referral", "reponse": "answer", "retrait": "withdrawal"}
            found = []
            for mail in servers.mails():
                [file] = mail.iter_attachments()
                key = mail["Message-ID"].strip("<>").partition(".")[0]
                what = whats[file.get_filename().removesuffix(".json")]
                found.append((key, what, file.get_payload(decode=True)))
            return found

        yield adapter, got
        await adapter.close()


@asynccontextmanager
async def soap(house, _):
    settings = SimulatorSettings(
        simulator_partners=("cpam",),
        simulator_base_port=0,
        secret_cpam_username="k",
        secret_cpam_password="k",
    )
    async with simulated(settings) as agencies:
        agencies.clock.ahead = house.clock.now() - datetime.now(UTC)  # it refuses old messages
        adapter = build("soap", house, partner=partner_of("soap", address=agencies.address("cpam")))

        async def got():
            entries = (await agencies.ledger("cpam"))["entries"]
            return [
                (
                    entry["body"].get("answer_id", entry["referral_id"]),
                    entry["what"],
                    json.dumps(entry["body"]).encode(),
                )
                for entry in entries
            ]

        yield adapter, got
        await adapter.close()


@asynccontextmanager
async def sftp(house, _):
    async with running_agency() as agency:
        adapter = build("sftp", house, partner=partner_of("sftp", address=agency.address))

        async def got():
            agency.work()
            return [
                (
                    entry["body"].get("answer_id", entry["referral_id"]),
                    entry["what"],
                    json.dumps(entry["body"]).encode(),
                )
                for entry in agency.simulator.office.ledger.entries()
            ]

        yield adapter, got
        await adapter.close()


KINDS = {
    "rest": rest,
    "kafka_queue": kafka_queue,
    "portal": portal,
    "webhook": webhook,
    "sftp": sftp,
    "soap": soap,
    "email": email,
}


def test_every_kind_of_the_registry_has_its_place_in_this_suite():
    assert set(KINDS) == set(ADAPTERS)


@pytest.fixture(params=sorted(KINDS))
async def peer(request, house: House, kafka_addresses):
    async with KINDS[request.param](house, kafka_addresses) as peer:
        yield peer


def deliveries():
    """A referral, an answer to its agency's question, and its withdrawal."""
    case_id, referral_id = uuid4(), uuid4()
    bodies = {
        "referral": {
            "referral_id": str(referral_id),
            "case_reference": "K7M4-QX9T",
            "unit": None,
            "urgent": False,
            "channel": "agent",
            "language": "fr",
            "taken_at": "2026-11-23T10:00:00Z",
            "issued_at": "2026-11-23T10:00:01Z",
            "demarches": [],
            "text": "né à Sète",
            "visitor": {},
        },
        "answer": {
            "answer_id": str(uuid4()),
            "text": "les voici",
            "answered_at": "2026-11-23T10:00:00Z",
        },
        "withdrawal": {"withdrawn_at": "2026-11-23T10:00:00Z"},
    }
    return [
        Delivery(
            delivery_id=uuid4(),
            case_id=case_id,
            referral_id=referral_id,
            what=what,
            body=body,
            batch_id=uuid4(),
        )
        for what, body in bodies.items()
    ]


async def test_it_hands_over_all_there_is_to_hand_over(peer):
    adapter, got = peer
    for delivery in deliveries():
        assert len(await adapter.deliver([delivery])) == 1
    found = await got()
    assert sorted(what for _, what, _ in found) == ["answer", "referral", "withdrawal"]
    bodies = {what: json.loads(body) for _, what, body in found}
    assert bodies["referral"]["text"] == "né à Sète"
    assert bodies["answer"]["text"] == "les voici"


async def test_the_same_delivery_twice_can_be_recognised(peer):
    adapter, got = peer
    for delivery in deliveries():
        await adapter.deliver([delivery])
        await adapter.deliver([delivery])
    found = await got()
    assert len({(key, what) for key, what, _ in found}) == 3
    for key, _, _ in found:
        assert UUID(key)


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_without_its_transport_it_says_so_and_claims_nothing(kind, house: House):
    adapter = build(
        kind,
        house,
        queue=QueueProducer(kafka="127.0.0.1:9", timeout=1),
        database=_DatabaseAway(),
        partner=partner_of(kind, address=NOWHERE.get(kind, "http://127.0.0.1:9")),
    )
    with pytest.raises((PartnerUnavailable, OutcomeUnknown)):
        await adapter.deliver([deliveries()[0]])
    await adapter.close()
