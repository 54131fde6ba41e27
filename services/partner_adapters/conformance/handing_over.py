"""1–20, every kind: a referral is taken whatever it holds, once, and so is what follows it."""

import asyncio
import time
from datetime import timedelta
from uuid import uuid4

from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.check import (
    answers_at_once,
    check,
    not_kinds,
    recognises_repetitions,
)
from services.partner_adapters.conformance.invented import (
    invented_answer,
    invented_visitor,
    invented_withdrawal,
    repeated,
    with_body,
)
from services.partner_adapters.conformance.verdict import Failed
from services.partner_adapters.partner_adapter import PartnerFailure, PartnerRefused
from shared.contracts.personal import Visitor
from shared.contracts.referral_status import ReferralStatus

SENT = "README.md#ce-que-nous-envoyons--what-we-send"
EVERYWHERE = "README.md#ce-qui-est-vrai-partout--what-is-true-everywhere"

AT_ONCE = 16
LONGEST_TEXT = 5000

no_fixed_form = not_kinds(
    {
        "soap": "the WSDL fixes the form",
        "sftp": "the columns are fixed",
        "email": "people read it",
        "portal": "our portal’s form is fixed",
    }
)
not_by_hand = not_kinds({"portal": "the inbox is ours: it is put there once"})


@check(1, "A referral is taken", expected="it is taken", passage=SENT)
async def is_taken(bench: Bench) -> None:
    await bench.has_taken(bench.referral())


@check(
    2,
    "The same referral twice is one file",
    recognises_repetitions,
    not_by_hand,
    expected="the second is taken too, with the same reference, and acknowledged no second time",
    passage=EVERYWHERE,
)
async def twice_is_once(bench: Bench) -> None:
    delivery = bench.referral()
    first = await bench.has_taken(delivery)
    again = await bench.has_taken(repeated(delivery))
    if first.partner_reference != again.partner_reference:
        raise Failed(f"{first.partner_reference}, then {again.partner_reference}")
    await bench.settle()
    acknowledged = [
        status.status_id
        for status in bench.hearing.of(delivery.referral_id)
        if bench.meaning(status) is ReferralStatus.ACKNOWLEDGED
    ]
    if len(acknowledged) > 1:
        raise Failed(f"acknowledged under {len(acknowledged)} ids: {', '.join(acknowledged)}")


@check(
    3,
    "Accents, emoji and Arabic are taken",
    expected="it is taken: everything is UTF-8",
    passage=SENT,
)
async def any_script(bench: Bench) -> None:
    visitor = invented_visitor(bench.file.id).model_copy(
        update={"given_name": "Zoé-Łucja", "family_name": "مثال"}
    )
    text = "L’été à Sète, où j’œuvre 😀👩‍👧‍👦 مرحبا، أحتاج إلى مساعدة 你好"
    await bench.has_taken(bench.referral(text=text, visitor=visitor))


@check(4, "A text of 5,000 characters is taken", expected="it is taken", passage=SENT)
async def longest_text(bench: Bench) -> None:
    delivery = bench.referral(text="à" * (LONGEST_TEXT - len("ESSAI-RESOLU ")))
    await bench.has_taken(delivery)


@check(
    5,
    "Nothing but what is always there",
    expected="it is taken: a field that is absent is left out, unit and language may be null",
    passage=EVERYWHERE,
)
async def empty_fields(bench: Bench) -> None:
    await bench.has_taken(bench.referral(visitor=Visitor(), unit_id=None, language=None))


@check(
    6,
    "Fields it does not know are ignored",
    no_fixed_form,
    expected="it is taken: we may add fields",
    passage=EVERYWHERE,
)
async def unknown_fields(bench: Bench) -> None:
    await bench.has_taken(with_body(bench.referral(), un_champ_de_plus={"a": [1]}))


@check(7, "Several démarches at once", expected="it is taken", passage=SENT)
async def several_demarches(bench: Bench) -> None:
    demarches = [{"id": f"essai.{n}", "title": f"Essai nᵒ {n}"} for n in range(5)]
    await bench.has_taken(bench.referral(demarches=demarches))


@check(8, "An urgent referral", expected="it is taken", passage=SENT)
async def urgent(bench: Bench) -> None:
    await bench.has_taken(bench.referral(urgent=True))


@check(
    9,
    "A referral taken down a week ago, on a bus",
    expected="it is taken: taken_at may be long before issued_at",
    passage=SENT,
)
async def from_a_bus(bench: Bench) -> None:
    week_ago = bench.clock.now() - timedelta(days=7)
    await bench.has_taken(bench.referral(channel="bus", taken_at=week_ago))


@check(
    10,
    "Markup, quotes, formulas and line ends in the text",
    expected="it is taken as it is",
    passage=SENT,
)
async def awkward_text(bench: Bench) -> None:
    text = "=1+1;\"x\" 'y' <b>&amp;</b> \\ %s {} ]]> -- DROP\r\n\tsuite"
    await bench.has_taken(bench.referral(text=text))


@check(
    11,
    "Sixteen referrals at once",
    expected="all are taken, each under a reference of its own",
    passage=EVERYWHERE,
)
async def sixteen_at_once(bench: Bench) -> None:
    sixteen = [bench.referral() for _ in range(AT_ONCE)]
    receipts = await asyncio.gather(*(bench.has_taken(each) for each in sixteen))
    references = [each.partner_reference for each in receipts if each.partner_reference]
    if len(set(references)) != len(references):
        raise Failed(f"{len(references)} references, {len(set(references))} different ones")


@check(
    12,
    "Sixteen times the same at once",
    recognises_repetitions,
    answers_at_once,
    expected="one reference only; 409 while the first is being taken is right too",
    passage=EVERYWHERE,
)
async def same_at_once(bench: Bench) -> None:
    delivery = bench.referral()
    outcomes = await asyncio.gather(
        *(bench.hand_over(delivery) for _ in range(AT_ONCE)), return_exceptions=True
    )
    wrong = [each for each in outcomes if isinstance(each, BaseException)]
    odd = [each for each in wrong if getattr(each, "reason", "") != "http_409"]
    if odd:
        raise odd[0]
    references = {
        each.partner_reference for each in outcomes if not isinstance(each, BaseException)
    }
    if len(references) != 1:
        raise Failed(f"{len(references)} references: {', '.join(map(str, references))}")


@check(
    13,
    "Answers within the time-out, sixteen calls at once",
    answers_at_once,
    expected="each answer comes in less than half of the time-out of the agency’s file",
    passage=EVERYWHERE,
)
async def in_time(bench: Bench) -> None:
    async def one() -> float:
        started = time.monotonic()
        await bench.hand_over(bench.referral())
        return time.monotonic() - started

    allowed = bench.file.limits.request_timeout_seconds / 2
    slowest = max(await asyncio.gather(*(one() for _ in range(AT_ONCE))))
    if slowest > allowed:
        raise Failed(f"the slowest took {slowest:.1f} s, {allowed:g} s are allowed")


@check(
    14,
    "A visitor’s answer is taken",
    answers_at_once,
    expected="it is taken, whether or not a question was asked",
    passage=SENT,
)
async def answer_taken(bench: Bench) -> None:
    delivery = bench.referral()
    await bench.hand_over(delivery)
    await bench.hand_over(invented_answer(delivery.referral_id, now=bench.clock.now()))


@check(
    15,
    "The same answer twice is taken twice",
    answers_at_once,
    expected="the second is taken too: it is known by its answer_id",
    passage=EVERYWHERE,
)
async def answer_twice(bench: Bench) -> None:
    delivery = bench.referral()
    await bench.hand_over(delivery)
    answer = invented_answer(delivery.referral_id, now=bench.clock.now())
    await bench.hand_over(answer)
    await bench.hand_over(repeated(answer))


@check(
    16,
    "An answer about what it never had is refused",
    answers_at_once,
    expected="a clear refusal, not a success",
    passage=SENT,
)
async def answer_to_nothing(bench: Bench) -> None:
    try:
        await bench.hand_over(invented_answer(uuid4(), now=bench.clock.now()))
    except PartnerRefused:
        return
    except PartnerFailure as failure:
        raise Failed(f"{type(failure).__name__}: {failure.reason}") from failure
    raise Failed("it was taken")


@check(17, "A withdrawal is taken", answers_at_once, expected="it is taken", passage=SENT)
async def withdrawal_taken(bench: Bench) -> None:
    delivery = bench.referral()
    await bench.hand_over(delivery)
    await bench.hand_over(invented_withdrawal(delivery.referral_id, now=bench.clock.now()))


@check(
    18,
    "The same withdrawal twice is taken twice",
    answers_at_once,
    expected="the second is taken too",
    passage=EVERYWHERE,
)
async def withdrawal_twice(bench: Bench) -> None:
    delivery = bench.referral()
    await bench.hand_over(delivery)
    withdrawal = invented_withdrawal(delivery.referral_id, now=bench.clock.now())
    await bench.hand_over(withdrawal)
    await bench.hand_over(repeated(withdrawal))


@check(
    19,
    "A withdrawal of what it never had is no trouble",
    answers_at_once,
    expected="it is taken: nothing is left to withdraw",
    passage=SENT,
)
async def withdrawal_of_nothing(bench: Bench) -> None:
    await bench.hand_over(invented_withdrawal(uuid4(), now=bench.clock.now()))


CHECKS = (
    is_taken,
    twice_is_once,
    any_script,
    longest_text,
    empty_fields,
    unknown_fields,
    several_demarches,
    urgent,
    from_a_bus,
    awkward_text,
    sixteen_at_once,
    same_at_once,
    in_time,
    answer_taken,
    answer_twice,
    answer_to_nothing,
    withdrawal_taken,
    withdrawal_twice,
    withdrawal_of_nothing,
)
