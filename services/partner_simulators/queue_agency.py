"""An agency that works by Kafka: reads its own topic, answers on another, then commits.

A referral is acknowledged before its offset is committed, so a crash in between reads it
again and acknowledges it again, under the same status id.
"""

import asyncio
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from services.partner_simulators.faults import GARBAGE, QUEUE_FAULTS, Fault, FaultPanel
from services.partner_simulators.kafka_account import KafkaAccount
from services.partner_simulators.office import File, Office
from services.partner_simulators.outgoing import Outgoing, TryAgain
from services.partner_simulators.referral_form import (
    NotAForm,
    parse_object,
    wrong_in_answer,
    wrong_in_referral,
    wrong_in_withdrawal,
)
from services.partner_simulators.reply_topic import Reply, ReplyTopic, written_out
from services.partner_simulators.sealed_letter import LetterOpener, Unreadable

log = structlog.get_logger()

PAUSE_AFTER_TROUBLE = 1.0
MOST_AT_ONCE = 100


class LineCut(Exception):
    """Ordered by the fault panel: the connection goes before the commit."""


@dataclass(slots=True)
class Tray:
    """What one batch of letters leads to: replies first, then the files move on."""

    replies: list[Reply] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    cut: bool = False


class QueueSimulator:
    """One `kafka_queue` partner."""

    possible_faults = QUEUE_FAULTS
    address = None

    def __init__(
        self,
        *,
        office: Office,
        outgoing: Outgoing,
        replies: ReplyTopic,
        topic: str,
        account: KafkaAccount,
        opener: LetterOpener,
        visitor_fields: frozenset[str],
        faults: FaultPanel,
    ) -> None:
        self.office = office
        self.outgoing = outgoing
        self._replies = replies
        self._topic = topic
        self._account = account
        self._opener = opener
        self._visitor_fields = visitor_fields
        self._faults = faults
        self._at_work = asyncio.Event()
        self._at_work.set()
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> None:
        """Nothing to open: Kafka may come up later than we do."""

    async def run(self) -> None:
        """Consume and answer until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.outgoing.run())
            tasks.create_task(self._work_for_ever())

    async def stop(self) -> None:
        """Let go of the reply topic."""
        await self._replies.close()

    async def put_fault(self, fault: Fault | None, *, count: int | None = None) -> None:
        """Break or heal; `down` returns once the consumer has left its group."""
        self._faults.set(fault, count=count)
        if fault is not None and fault.kind == "down":
            self._at_work.clear()
            await self._idle.wait()
        else:
            self._at_work.set()

    async def _work_for_ever(self) -> None:
        in_trouble = False
        while True:
            await self._at_work.wait()
            self._idle.clear()
            try:
                await self._consume()
                in_trouble = False
            except (KafkaError, OSError, TimeoutError, TryAgain, LineCut) as error:
                if not in_trouble:
                    log.info("queue_connection_lost", error=type(error).__name__, **self._who)
                in_trouble = True
            finally:
                self._idle.set()
            if in_trouble:
                await asyncio.sleep(PAUSE_AFTER_TROUBLE)

    async def _consume(self) -> None:
        consumer = AIOKafkaConsumer(
            self._topic,
            group_id=f"{self._account.user}-desk",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **self._account.settings(),
        )
        try:
            await consumer.start()
            log.info("queue_joined", topic=self._topic, **self._who)
            while self._at_work.is_set():
                batches = await consumer.getmany(timeout_ms=100, max_records=MOST_AT_ONCE)
                if batches:
                    await self._handle(consumer, batches)
        finally:
            await consumer.stop()

    async def _handle(
        self,
        consumer: AIOKafkaConsumer,
        batches: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]],
    ) -> None:
        tray = Tray()
        for record in chain.from_iterable(batches.values()):
            fault = self._faults.take(counts=True)
            if fault is not None and fault.kind == "slow":
                await asyncio.sleep(1.0 if fault.seconds is None else fault.seconds)
            self._read(record, tray, fault=fault.kind if fault is not None else None)
        await self._replies.send_all(tray.replies)
        for file in tray.files:
            self.office.keep_moving(file)
        if tray.cut:
            raise LineCut
        await consumer.commit(
            {partition: records[-1].offset + 1 for partition, records in batches.items()}
        )

    def _read(self, record: ConsumerRecord[bytes, bytes], tray: Tray, *, fault: str | None) -> None:
        tray.cut = tray.cut or fault == "cut_after_accept"
        try:
            body = self._opener.open(record.value or b"")
            form = parse_object(body)
        except (Unreadable, NotAForm) as error:
            log.warning(
                "letter_unreadable",
                error=type(error).__name__,
                partition=record.partition,
                offset=record.offset,
                **self._who,
            )
            return
        match _type_of(record):
            case "aiguillage.referral":
                self._receive(form, body, tray, fault=fault)
            case "aiguillage.answer" | "aiguillage.withdrawal" as what:
                self._follow_up(what, form, body)
            case _:
                log.warning("letter_of_unknown_type", offset=record.offset, **self._who)

    def _receive(self, form: dict[str, Any], body: bytes, tray: Tray, *, fault: str | None) -> None:
        referral_id = str(form.get("referral_id", ""))
        if fault == "garbage":
            tray.replies.append((referral_id, GARBAGE))
            return
        wrong = wrong_in_referral(
            form, partner_id=self.office.partner_id, visitor_fields=self._visitor_fields
        )
        if wrong or fault == "refuse":
            fields = ", ".join(each["field"] for each in wrong) or "text"
            refusal = self.office.turn_away(referral_id, because=f"Champs à corriger : {fields}.")
            tray.replies.append((referral_id, written_out(refusal)))
            return
        self.office.open_file(referral_id, body=body)
        file = self.office.find_file(referral_id)
        if file is None or not self.office.behaviour.statuses:
            return
        acknowledgement = self.office.acknowledgement_of(file)
        if acknowledgement is not None:
            tray.replies.append((referral_id, written_out(acknowledgement)))
        tray.files.append(file)

    def _follow_up(self, what: str, form: dict[str, Any], body: bytes) -> None:
        file = self.office.find_file(str(form.pop("referral_id", "")))
        check = wrong_in_answer if what == "aiguillage.answer" else wrong_in_withdrawal
        wrong = check(form)
        if file is None or wrong:
            fields = [each["field"] for each in wrong]
            log.warning("letter_not_usable", what=what, fields=fields, **self._who)
        elif what == "aiguillage.answer":
            self.office.take_answer(file, answer_id=form["answer_id"], body=body)
        else:
            self.office.withdraw(file, body=body)

    @property
    def _who(self) -> dict[str, str]:
        return {"partner_id": self.office.partner_id}


def _type_of(record: ConsumerRecord[bytes, bytes]) -> str:
    for name, value in record.headers:
        if name == "ce_type" and value is not None:
            return bytes(value).decode(errors="replace")
    return ""
