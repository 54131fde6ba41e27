"""The agency that works by Kafka, on the real Kafka with its own user and rights."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from joserfc import jwe
from joserfc.jwk import ECKey

from services.partner_simulators.agencies import QUEUE_AGENCY_FIELDS
from services.partner_simulators.casework import OUTCOMES
from services.partner_simulators.faults import Fault, FaultPanel
from services.partner_simulators.kafka_account import KafkaAccount
from services.partner_simulators.office import Behaviour, Office
from services.partner_simulators.outgoing import Outgoing
from services.partner_simulators.queue_agency import QueueSimulator
from services.partner_simulators.reply_topic import ReplyTopic
from services.partner_simulators.schedule import Schedule
from services.partner_simulators.sealed_letter import LetterOpener
from shared.plumbing.agencies_access import grant_agencies_access
from tests.infrastructure import KafkaAddresses
from tests.integration.partner_simulators.running import eventually

Form = Callable[..., dict[str, Any]]
KEY = ECKey.generate_key("P-256")
TO_THEM = ECKey.import_key(KEY.as_dict(private=False))


@dataclass
class Agency:
    """The simulated agency and our end of its two topics."""

    simulator: QueueSimulator
    queue: str
    producer: AIOKafkaProducer
    replies: list[tuple[str, bytes]] = field(default_factory=list)

    async def send(self, what: str, form: dict[str, Any]) -> None:
        letter = jwe.encrypt_compact(
            {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"},
            json.dumps(form).encode(),
            TO_THEM,
            algorithms=["ECDH-ES+A256KW", "A256GCM"],
        )
        await self.send_bytes(form["referral_id"], what, letter.encode())

    async def send_bytes(self, referral_id: str, what: str, value: bytes | None) -> None:
        await self.producer.send_and_wait(
            self.queue,
            value,
            key=referral_id.encode(),
            headers=[("ce_type", what.encode()), ("content-type", b"application/jose")],
        )

    def said(self, referral_id: str) -> list[dict[str, Any]]:
        return [json.loads(value) for key, value in self.replies if key == referral_id]

    def words(self, referral_id: str) -> list[str]:
        return [status["status"] for status in self.said(referral_id)]

    async def keep_replies(self, consumer: AIOKafkaConsumer) -> None:
        async for record in consumer:
            self.replies.append((record.key.decode(), record.value))


@pytest.fixture(scope="module")
async def account(kafka_addresses: KafkaAddresses) -> AsyncIterator[KafkaAccount]:
    """A user of this module's own, with the rights an agency has and its two topics."""
    user = f"casvp{secrets.token_hex(4)}"
    topics = [f"partner-queue-{user}", f"partner-replies-{user}"]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_addresses.internal)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1) for topic in topics])
    await asyncio.to_thread(grant_agencies_access, kafka_addresses.internal, {user: "its-own"})
    yield KafkaAccount(address=kafka_addresses.agencies, user=user, password="its-own")
    await admin.delete_topics(topics)
    await admin.close()


@pytest.fixture
async def agency(account: KafkaAccount, kafka_addresses: KafkaAddresses) -> AsyncIterator[Agency]:
    schedule = Schedule()
    replies = ReplyTopic(topic=f"partner-replies-{account.user}", account=account)
    outgoing = Outgoing(partner_id="casvp", send=replies.send, schedule=schedule, first_pause=0.05)
    office = Office(
        partner_id="casvp",
        behaviour=Behaviour(pace=0.01, outcome="resolved"),
        schedule=schedule,
        clock=lambda: datetime.now(UTC),
        announce=outgoing.push,
    )
    simulator = QueueSimulator(
        office=office,
        outgoing=outgoing,
        replies=replies,
        topic=f"partner-queue-{account.user}",
        account=account,
        opener=LetterOpener(private_key=json.dumps(KEY.as_dict(private=True))),
        visitor_fields=QUEUE_AGENCY_FIELDS,
        faults=FaultPanel(),
    )
    internal = {"bootstrap_servers": kafka_addresses.internal}
    async with (
        AIOKafkaProducer(**internal, acks="all") as producer,
        AIOKafkaConsumer(
            f"partner-replies-{account.user}", **internal, auto_offset_reset="earliest"
        ) as consumer,
    ):
        agency = Agency(simulator, f"partner-queue-{account.user}", producer)
        running = [
            asyncio.ensure_future(work)
            for work in (schedule.run(), simulator.run(), agency.keep_replies(consumer))
        ]
        yield agency
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await simulator.stop()


async def test_a_referral_is_read_filed_and_answered_in_order(
    agency: Agency, referral: Form
) -> None:
    form = referral()
    await agency.send("aiguillage.referral", form)
    await eventually(lambda: "accorde" in agency.words(form["referral_id"]))
    assert agency.words(form["referral_id"]) == ["accuse", "en_cours", "accorde"]
    (entry,) = agency.simulator.office.ledger.entries()
    assert (entry["body"], entry["times"]) == (form, 1)


async def test_many_referrals_are_each_answered_in_order(agency: Agency, referral: Form) -> None:
    forms = [referral() for _ in range(200)]
    await asyncio.gather(*(agency.send("aiguillage.referral", form) for form in forms))
    for form in forms:
        await eventually(lambda each=form: "accorde" in agency.words(each["referral_id"]))
        assert agency.words(form["referral_id"]) == ["accuse", "en_cours", "accorde"]
    assert agency.simulator.office.ledger.duplicates == 0


async def test_a_question_waits_for_the_answer(agency: Agency, referral: Form) -> None:
    agency.simulator.office.change_behaviour(Behaviour(pace=0.01, outcome="needs_information"))
    form = referral()
    await agency.send("aiguillage.referral", form)
    await eventually(lambda: "a_completer" in agency.words(form["referral_id"]))
    answer = {
        "referral_id": form["referral_id"],
        "answer_id": "a-1",
        "text": "Voici la date.",
        "answered_at": "2026-11-23T11:00:00Z",
    }
    await agency.send("aiguillage.answer", answer)
    await eventually(lambda: "accorde" in agency.words(form["referral_id"]))
    assert agency.words(form["referral_id"])[3:] == ["en_cours", "accorde"]


async def test_a_withdrawn_referral_is_not_worked_on(agency: Agency, referral: Form) -> None:
    agency.simulator.office.change_behaviour(Behaviour(pace=3600, outcome="resolved"))
    form = referral()
    await agency.send("aiguillage.referral", form)
    await agency.send(
        "aiguillage.withdrawal",
        {"referral_id": form["referral_id"], "withdrawn_at": "2026-11-23T11:00:00Z"},
    )
    office = agency.simulator.office
    await eventually(lambda: len(list(office.ledger.entries())) == 2)
    assert office.move_on(office.find_file(form["referral_id"])) is None


@pytest.mark.parametrize("value", [b"not a letter", b"", None, b"\xff\xfe.a.b.c.d"])
async def test_what_cannot_be_opened_does_not_stop_the_next(
    agency: Agency, referral: Form, value: bytes | None
) -> None:
    form = referral()
    await agency.send_bytes(form["referral_id"], "aiguillage.referral", value)
    await agency.send("aiguillage.referral", form)
    await eventually(lambda: "accorde" in agency.words(form["referral_id"]))


async def test_a_letter_to_somebody_else_is_not_read(agency: Agency, referral: Form) -> None:
    theirs, ours = referral(), referral()
    letter = jwe.encrypt_compact(
        {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"},
        json.dumps(theirs).encode(),
        ECKey.generate_key("P-256"),
        algorithms=["ECDH-ES+A256KW", "A256GCM"],
    )
    await agency.send_bytes(theirs["referral_id"], "aiguillage.referral", letter.encode())
    await agency.send("aiguillage.referral", ours)
    await eventually(lambda: "accorde" in agency.words(ours["referral_id"]))
    assert agency.simulator.office.find_file(theirs["referral_id"]) is None


async def test_a_wrong_form_is_refused_as_incomplete(agency: Agency, referral: Form) -> None:
    form = referral(visitor={"email": "a@example.org"})
    await agency.send("aiguillage.referral", form)
    (refused,) = await eventually(lambda: agency.said(form["referral_id"]))
    assert (refused["status"], refused["reason"]) == ("refuse", "incomplet")
    assert "visitor.email" in refused["message"]
    assert agency.simulator.office.files == 0


async def test_an_agency_that_is_down_reads_later(agency: Agency, referral: Form) -> None:
    first, second = referral(), referral()
    await agency.send("aiguillage.referral", first)
    await eventually(lambda: "accorde" in agency.words(first["referral_id"]))
    await agency.simulator.put_fault(Fault("down"))
    await agency.send("aiguillage.referral", second)
    assert agency.simulator.office.find_file(second["referral_id"]) is None
    await agency.simulator.put_fault(None)
    await eventually(lambda: "accorde" in agency.words(second["referral_id"]))


async def test_a_referral_read_again_after_a_crash_is_acknowledged_again_and_filed_once(
    agency: Agency, referral: Form
) -> None:
    agency.simulator.office.change_behaviour(Behaviour(pace=3600, outcome="resolved"))
    await agency.simulator.put_fault(Fault("cut_after_accept"), count=1)
    form = referral()
    await agency.send("aiguillage.referral", form)
    await eventually(lambda: len(agency.said(form["referral_id"])) == 2)
    first, again = agency.said(form["referral_id"])
    assert first == again
    (entry,) = agency.simulator.office.ledger.entries()
    assert (entry["times"], entry["presented"]) == (1, 2)
    assert OUTCOMES["resolved"] == agency.simulator.office.find_file(form["referral_id"]).fate


async def test_a_garbage_reply_is_no_json(agency: Agency, referral: Form) -> None:
    await agency.simulator.put_fault(Fault("garbage"), count=1)
    form = referral()
    await agency.send("aiguillage.referral", form)
    values = await eventually(
        lambda: [value for key, value in agency.replies if key == form["referral_id"]]
    )
    with pytest.raises(ValueError):
        json.loads(values[0])
