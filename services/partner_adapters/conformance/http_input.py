"""41–60, kinds over HTTP with JSON: bad input is refused, and the next good one is taken."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable
from uuid import UUID, uuid4

from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.check import asks_for_a_key, check, kinds
from services.partner_adapters.conformance.verdict import Failed
from services.partner_adapters.partner_adapter import Delivery, OutcomeUnknown
from services.partner_adapters.partner_http import LONGEST_ANSWER, Answer

ANSWERS = "README.md#refuser-clairement--refusing-clearly"
OPENED = "rest.md#ce-que-vous-ouvrez--what-you-open"
MEGABYTES_TOO_MANY = 11
over_http = kinds("rest", "webhook")


@runtime_checkable
class HttpProbe(Protocol):
    """Posts anything at all to where a kind's referrals go."""

    def written(self, delivery: Delivery) -> bytes:
        """A referral as this kind writes it."""
        ...

    async def post(self, content: bytes, *, referral_id: UUID, as_us: bool = True) -> Answer:
        """One call, rightly authenticated, or with credentials that are not ours."""
        ...

    async def post_unsigned(self, content: bytes, *, referral_id: UUID) -> Answer:
        """One call without any credentials."""
        ...


@check(
    41,
    "Without credentials nothing is taken",
    over_http,
    asks_for_a_key,
    expected="401 or 403",
    passage=ANSWERS,
)
async def nobody(bench: Bench) -> None:
    probe, delivery = _probe(bench), bench.referral()
    answer = await probe.post_unsigned(probe.written(delivery), referral_id=delivery.referral_id)
    must_be_turned_away(answer)


@check(
    42,
    "With somebody else’s credentials nothing is taken",
    over_http,
    asks_for_a_key,
    expected="401 or 403",
    passage=ANSWERS,
)
async def somebody_else(bench: Bench) -> None:
    probe, delivery = _probe(bench), bench.referral()
    answer = await probe.post(
        probe.written(delivery), referral_id=delivery.referral_id, as_us=False
    )
    must_be_turned_away(answer)


@check(43, "What is not JSON is refused", over_http, expected="a 4xx", passage=ANSWERS)
async def not_json(bench: Bench) -> None:
    for content in (b"{", b"reference=1", b"<html></html>"):
        await _must_refuse(bench, content)


@check(44, "An empty body is refused", over_http, expected="a 4xx", passage=ANSWERS)
async def empty_body(bench: Bench) -> None:
    await _must_refuse(bench, b"")


@check(
    45,
    "JSON that is not an object is refused",
    over_http,
    expected="a 4xx",
    passage=ANSWERS,
)
async def not_an_object(bench: Bench) -> None:
    for content in (b"[]", b"null", b'"referral"', b"[" * 5000):
        await _must_refuse(bench, content)


@check(
    46,
    "A missing field is refused",
    over_http,
    expected="a 4xx for each field that is always there",
    passage=ANSWERS,
)
async def missing_field(bench: Bench) -> None:
    for field in ("referral_id", "demarches", "text"):
        delivery = bench.referral()
        await _must_refuse_form(bench, delivery, _without(delivery.body, field), field)


@check(
    47,
    "A field of the wrong type is refused",
    over_http,
    expected="a 4xx",
    passage=ANSWERS,
)
async def wrong_type(bench: Bench) -> None:
    for field, value in {"text": 12, "demarches": "x", "taken_at": "hier"}.items():
        delivery = bench.referral()
        await _must_refuse_form(bench, delivery, {**delivery.body, field: value}, field)


@check(
    48,
    "A body of 11 MB is refused",
    over_http,
    expected="413 or another 4xx, or the line is closed; the next referral is taken",
    passage=ANSWERS,
)
async def too_large(bench: Bench) -> None:
    probe, delivery = _probe(bench), bench.referral()
    grown = {**delivery.body, "text": "x" * (MEGABYTES_TOO_MANY * 1024 * 1024)}
    content = probe.written(replace(delivery, body=grown))
    try:
        answer = await probe.post(content, referral_id=delivery.referral_id)
    except OutcomeUnknown as failure:
        if failure.reason == "timed_out":
            raise Failed("no answer before the time-out") from failure
    else:
        must_be_refused(answer, "11 MB")
    await bench.hand_over(bench.referral())


@check(
    49,
    "What was refused is not filed",
    over_http,
    expected="the same referral, put right, is taken afterwards",
    passage=ANSWERS,
)
async def put_right(bench: Bench) -> None:
    probe, delivery = _probe(bench), bench.referral()
    wrong = replace(delivery, body=_without(delivery.body, "text"))
    answer = await probe.post(probe.written(wrong), referral_id=delivery.referral_id)
    must_be_refused(answer, "a referral without text")
    await bench.hand_over(delivery)


@check(
    50,
    "Bad input does not hurt the others",
    over_http,
    expected="good referrals between bad ones are all taken",
    passage=ANSWERS,
)
async def bad_among_good(bench: Bench) -> None:
    probe = _probe(bench)

    async def one_of_each() -> None:
        await asyncio.gather(
            probe.post(b"{", referral_id=uuid4()), bench.hand_over(bench.referral())
        )
        await bench.hand_over(bench.referral())

    await asyncio.gather(*(one_of_each() for _ in range(8)))


@check(
    51,
    "The answer is short",
    over_http,
    expected="at most 64 KiB, and no redirect",
    passage=OPENED,
)
async def short_answer(bench: Bench) -> None:
    probe, delivery = _probe(bench), bench.referral()
    answer = await probe.post(probe.written(delivery), referral_id=delivery.referral_id)
    if not answer.whole:
        raise Failed(f"more than {LONGEST_ANSWER} bytes")
    if 300 <= answer.status < 400:
        raise Failed(shown(answer))


@check(
    52,
    "What it answers is JSON",
    over_http,
    expected="an object, or nothing where no reference is given; never a page for people",
    passage=OPENED,
)
async def answers_json(bench: Bench) -> None:
    probe, delivery = _probe(bench), bench.referral()
    answer = await probe.post(probe.written(delivery), referral_id=delivery.referral_id)
    if answer.body.strip() and not _is_object(answer.body):
        raise Failed(shown(answer))


CHECKS = (
    nobody,
    somebody_else,
    not_json,
    empty_body,
    not_an_object,
    missing_field,
    wrong_type,
    too_large,
    put_right,
    bad_among_good,
    short_answer,
    answers_json,
)


def must_be_turned_away(answer: Answer) -> None:
    """Raise `Failed` unless the answer is 401 or 403."""
    if answer.status not in {401, 403}:
        raise Failed(shown(answer))


def must_be_refused(answer: Answer, what: str) -> None:
    """Raise `Failed` unless the answer says that it never will be taken as it stands."""
    may_come_again = {401, 403, 408, 425, 429}
    if not 400 <= answer.status < 500 or answer.status in may_come_again:
        raise Failed(f"{shown(answer)} to {what}")


def shown(answer: Answer) -> str:
    """An answer as a report quotes it."""
    return f"{answer.status} {answer.text[:120]}".strip()


def _probe(bench: Bench) -> HttpProbe:
    if not isinstance(bench.probe, HttpProbe):
        raise TypeError(f"{bench.file.kind} is not over HTTP")
    return bench.probe


async def _must_refuse(bench: Bench, content: bytes) -> None:
    answer = await _probe(bench).post(content, referral_id=uuid4())
    must_be_refused(answer, repr(content[:20].decode(errors="replace")))


async def _must_refuse_form(
    bench: Bench, delivery: Delivery, body: Mapping[str, Any], field: str
) -> None:
    probe = _probe(bench)
    content = probe.written(replace(delivery, body=body))
    answer = await probe.post(content, referral_id=delivery.referral_id)
    must_be_refused(answer, f"a referral with a wrong or missing {field}")


def _without(body: Mapping[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != field}


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
