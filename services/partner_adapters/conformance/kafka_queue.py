"""181–200, `kafka_queue`: nothing that lies on its topic stops the agency from reading on."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from joserfc.jwk import ECKey

from services.partner_adapters.adapters.kafka_queue import Queue, encrypted, read_public_key
from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.check import Check, check, kinds
from services.partner_adapters.conformance.invented import invented_answer, invented_withdrawal
from services.partner_adapters.conformance.reply_reader import Replies
from services.partner_adapters.conformance.verdict import Failed
from services.partner_adapters.partner_adapter import Delivery
from shared.contracts.referral_status import ReferralStatus

READ = "kafka-queue.md#ce-que-vous-lisez--what-you-read"
WRITTEN = "kafka-queue.md#ce-que-vous-écrivez--what-you-write"
REFUSING = "README.md#refuser-clairement--refusing-clearly"
only_kafka = kinds("kafka_queue")


@dataclass(frozen=True, kw_only=True)
class QueueProbe:
    """The agency's topic beneath the adapter, and what it replies."""

    queue: Queue
    topic: str
    public_key: str
    replies: Replies

    async def put(
        self,
        value: bytes,
        *,
        key: str,
        what: str = "aiguillage.referral",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Write anything at all."""
        said = {
            "ce_specversion": "1.0",
            "ce_id": str(uuid4()),
            "ce_type": what,
            "ce_source": "/aiguillage/partner_adapters",
            "ce_subject": key,
            "content-type": "application/jose",
        }
        await self.queue.send(
            topic=self.topic, key=key.encode(), value=value, headers={**said, **(headers or {})}
        )

    def sealed(self, body: Mapping[str, Any]) -> bytes:
        return encrypted(body, read_public_key(self.public_key))

    async def close(self) -> None:
        """Its queue is closed by whoever opened it."""


Odd = Callable[[Bench, QueueProbe, Delivery], Awaitable[None]]
"""Puts something odd before a referral, under its key: both lie in one partition."""


def _still_reads(number: int, name: str, passage: str = READ) -> Callable[[Odd], Check]:
    """A check that something odd on the topic does not keep the agency from what follows."""

    def made(put: Odd) -> Check:
        async def look(bench: Bench) -> None:
            delivery = bench.referral()
            await put(bench, bench.probe_as(QueueProbe), delivery)
            await bench.has_taken(delivery)

        expected = "it is put aside, and the next referral is acknowledged"
        return check(number, name, only_kafka, expected=expected, passage=passage)(look)

    return made


@check(
    181,
    "A reply’s key is its referral_id",
    only_kafka,
    expected="the key of every reply is the referral_id in its value",
    passage=WRITTEN,
)
async def key_is_referral(bench: Bench) -> None:
    delivery = bench.referral()
    await bench.has_taken(delivery)
    for reply in bench.probe_as(QueueProbe).replies.read:
        if reply.status and reply.key.decode(errors="replace") != str(reply.status.referral_id):
            raise Failed(f"{reply.key!r} for {reply.status.referral_id}")


@check(
    182,
    "A reply says that it is JSON",
    only_kafka,
    expected="content-type: application/json in the headers",
    passage=WRITTEN,
)
async def says_json(bench: Bench) -> None:
    await bench.has_taken(bench.referral())
    for reply in bench.probe_as(QueueProbe).replies.read:
        if not reply.content_type.startswith("application/json"):
            raise Failed(f"content-type {reply.content_type!r}")


@_still_reads(183, "Bytes that are nothing do not stop it")
async def garbage(_: Bench, probe: QueueProbe, following: Delivery) -> None:
    await probe.put(b"\x00\xff\xfe{]", key=str(following.referral_id))


@_still_reads(184, "A letter to somebody else’s key does not stop it")
async def sealed_to_another(bench: Bench, probe: QueueProbe, following: Delivery) -> None:
    another = ECKey.generate_key("P-256")
    await probe.put(encrypted(bench.referral().body, another), key=str(following.referral_id))


@_still_reads(185, "A letter that was changed on its way does not stop it")
async def changed(bench: Bench, probe: QueueProbe, following: Delivery) -> None:
    letter = probe.sealed(bench.referral().body)
    await probe.put(letter[:-6] + b"AAAAAA", key=str(following.referral_id))


@_still_reads(186, "A letter that makes no sense does not stop it")
async def nonsense(_: Bench, probe: QueueProbe, following: Delivery) -> None:
    letter = probe.sealed({"referral_id": [1], "text": None})
    await probe.put(letter, key=str(following.referral_id), what="aiguillage.answer")


@_still_reads(187, "A type it does not know does not stop it")
async def unknown_type(bench: Bench, probe: QueueProbe, following: Delivery) -> None:
    letter = probe.sealed(bench.referral().body)
    await probe.put(letter, key=str(following.referral_id), what="aiguillage.essai")


@_still_reads(188, "An answer about what it never had does not stop it", REFUSING)
async def answer_to_nothing(bench: Bench, _: QueueProbe, following: Delivery) -> None:
    await bench.hand_over(invented_answer(following.referral_id, now=bench.clock.now()))


@_still_reads(189, "A withdrawal, twice, does not stop it")
async def withdrawal_twice(bench: Bench, probe: QueueProbe, following: Delivery) -> None:
    withdrawn = bench.referral()
    await bench.has_taken(withdrawn)
    withdrawal = invented_withdrawal(withdrawn.referral_id, now=bench.clock.now())
    letter = probe.sealed({"referral_id": str(withdrawn.referral_id), **withdrawal.body})
    for _ in range(2):
        await probe.put(letter, key=str(following.referral_id), what="aiguillage.withdrawal")


@check(
    190,
    "Headers it does not know are ignored",
    only_kafka,
    expected="it is acknowledged: a trace, or a header of tomorrow, changes nothing",
    passage=READ,
)
async def unknown_headers(bench: Bench) -> None:
    delivery, probe = bench.referral(), bench.probe_as(QueueProbe)
    more = {"ce_dataschema": "essai", "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}
    await probe.put(probe.sealed(delivery.body), key=str(delivery.referral_id), headers=more)
    await bench.first_status(delivery.referral_id)


@check(
    191,
    "A referral that lacks a field is refused by a reply",
    only_kafka,
    expected="a word of the table that means refused",
    passage=REFUSING,
)
async def refused_by_a_reply(bench: Bench) -> None:
    delivery, probe = bench.referral(), bench.probe_as(QueueProbe)
    lacking = {name: value for name, value in delivery.body.items() if name != "text"}
    await probe.put(probe.sealed(lacking), key=str(delivery.referral_id))
    first = await bench.first_status(delivery.referral_id)
    if bench.meaning(first) is not ReferralStatus.REFUSED:
        raise Failed(f"{first.word}, for a referral without text")


CHECKS = (
    key_is_referral,
    says_json,
    garbage,
    sealed_to_another,
    changed,
    nonsense,
    unknown_type,
    answer_to_nothing,
    withdrawal_twice,
    unknown_headers,
    refused_by_a_reply,
)
