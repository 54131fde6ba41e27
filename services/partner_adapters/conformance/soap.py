"""121–140, `soap`: who calls is checked, what is not of the WSDL is a fault, look-ups are true."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from services.partner_adapters.adapters.soap import ABOUT_US
from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.check import check, kinds
from services.partner_adapters.conformance.http_input import shown
from services.partner_adapters.conformance.invented import TO_RESOLVE
from services.partner_adapters.conformance.soap_probe import HAND_IN, SoapProbe
from services.partner_adapters.conformance.verdict import Failed
from services.partner_adapters.partner_adapter import (
    Delivery,
    LooksUp,
    OutcomeUnknown,
    Receipt,
)
from services.partner_adapters.partner_http import Answer
from services.partner_adapters.registry import messages_of
from services.partner_adapters.soap.messages import Changes, Fault, Message, Unreadable

CALLS = "soap.md#qui-appelle--who-calls"
FAULTS = "soap.md#vos-erreurs--your-faults"
NOT_READ = "soap.md#ce-que-nous-refusons-de-lire--what-we-refuse-to-read"
LOOK_UP = "soap.md#lavez-vous---do-you-have-it"
POLLED = "soap.md#vos-statuts--your-statuses"
TOO_FAR = timedelta(minutes=6)
"""A minute over what is allowed."""
MEGABYTES_TOO_MANY = 11
only_soap = kinds("soap")

_LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha">%b]>' % b"".join(
    b'<!ENTITY %c "%b">' % (letter + 1, b"&%c;" % letter * 10) for letter in range(97, 106)
)


@check(
    121,
    "A wrong password is refused",
    only_soap,
    expected="a fault of WS-Security",
    passage=CALLS,
)
async def wrong_password(bench: Bench) -> None:
    probe = _probe(bench)
    secrets = {name: f"{value}x" for name, value in probe.partner.secrets.items()}
    wrong = messages_of(replace(probe.partner, secrets=secrets), clock=bench.clock)
    _must_turn_away(probe, await probe.send(probe.written(bench.referral(), messages=wrong)))


@check(
    122,
    "Without a UsernameToken nothing is taken",
    only_soap,
    expected="a fault of WS-Security",
    passage=CALLS,
)
async def without_token(bench: Bench) -> None:
    def cut(content: bytes) -> bytes:
        return re.sub(rb"<([\w-]+:)Header>.*</\1Header>", b"", content, flags=re.DOTALL)

    probe = _probe(bench)
    _must_turn_away(probe, await probe.send(_changed(probe.written(bench.referral()), cut)))


@check(
    123,
    "A nonce is good once",
    only_soap,
    expected="a fault of WS-Security when the same message comes again as it was",
    passage=CALLS,
)
async def same_nonce(bench: Bench) -> None:
    probe = _probe(bench)
    message = probe.written(bench.referral())
    await probe.send(message)
    _must_turn_away(probe, await probe.send(message))


@check(
    124,
    "A stale message is refused",
    only_soap,
    expected="a fault of WS-Security when it was created six minutes ago",
    passage=CALLS,
)
async def stale(bench: Bench) -> None:
    probe = _probe(bench)
    message = probe.written(bench.referral(), messages=probe.late(TOO_FAR))
    _must_turn_away(probe, await probe.send(message))


@check(
    125,
    "A message of the future is refused",
    only_soap,
    expected="a fault of WS-Security when it will be created in six minutes",
    passage=CALLS,
)
async def future(bench: Bench) -> None:
    probe = _probe(bench)
    message = probe.written(bench.referral(), messages=probe.late(-TOO_FAR))
    _must_turn_away(probe, await probe.send(message))


@check(
    126,
    "Clocks may differ by four minutes",
    only_soap,
    expected="it is taken: only more than five minutes are too many",
    passage=CALLS,
)
async def clocks_apart(bench: Bench) -> None:
    probe = _probe(bench)
    for late in (timedelta(minutes=4), timedelta(minutes=-4)):
        answer = await probe.send(probe.written(bench.referral(), messages=probe.late(late)))
        if _fault(probe, answer) is not None:
            raise Failed(shown(answer))


@check(127, "What is not XML is refused", only_soap, expected="fault Client", passage=FAULTS)
async def not_xml(bench: Bench) -> None:
    for nonsense in (b"", b"{}", b"<a", b"\xff\xfe"):
        await _must_fault(bench, partial(_instead, nonsense))


@check(
    128,
    "A document type is refused",
    only_soap,
    expected="fault Client, for the most innocent entity",
    passage=NOT_READ,
)
async def document_type(bench: Bench) -> None:
    entity = b'<!DOCTYPE a [<!ENTITY essai "ESSAI">]>'
    await _must_fault(bench, lambda content: _with_prologue(content, entity, b"&essai;"))


@check(
    129,
    "Billion laughs are not expanded",
    only_soap,
    expected="fault Client before the time-out, and the next referral is taken",
    passage=NOT_READ,
)
async def billion_laughs(bench: Bench) -> None:
    await _must_fault(bench, lambda content: _with_prologue(content, _LAUGHS, b"&j;"))
    await bench.hand_over(bench.referral())


@check(
    130,
    "An element that is not in the WSDL is refused",
    only_soap,
    expected="fault Client",
    passage=NOT_READ,
)
async def unknown_element(bench: Bench) -> None:
    await _must_fault(
        bench,
        lambda content: re.sub(
            rb"<([\w-]+:)texte>", rb"<\1inconnu>x</\1inconnu><\1texte>", content
        ),
    )


@check(131, "A missing element is refused", only_soap, expected="fault Client", passage=FAULTS)
async def missing_element(bench: Bench) -> None:
    for name in (b"orientation", b"texte", b"recueillieLe"):
        await _must_fault(bench, partial(_without_element, name))


@check(132, "A wrong value is refused", only_soap, expected="fault Client", passage=FAULTS)
async def wrong_value(bench: Bench) -> None:
    await _must_fault(bench, lambda content: re.sub(rb"(:recueillieLe>)[^<]+", rb"\1hier", content))


@check(
    133,
    "An operation that it does not have is refused",
    only_soap,
    expected="fault Client",
    passage=FAULTS,
)
async def unknown_operation(bench: Bench) -> None:
    await _must_fault(bench, lambda content: content.replace(b"deposerDemande", b"essayerDemande"))


@check(
    134,
    "A body of 11 MB is refused",
    only_soap,
    expected="a fault or a 4xx, or the line is closed; the next referral is taken",
    passage="README.md#refuser-clairement--refusing-clearly",
)
async def too_large(bench: Bench) -> None:
    probe = _probe(bench)
    filling = b"x" * (MEGABYTES_TOO_MANY * 1024 * 1024)
    message = _changed(probe.written(bench.referral()), lambda c: c.replace(b"ESSAI", filling, 1))
    try:
        answer = await probe.send(message)
    except OutcomeUnknown as failure:
        if failure.reason == "timed_out":
            raise Failed("no answer before the time-out") from failure
    else:
        if answer.status < 400:
            raise Failed(shown(answer))
    await bench.hand_over(bench.referral())


@check(
    135,
    "A look-up finds what was taken, at once",
    only_soap,
    expected="CONNU and the number that was given, as soon as it was answered",
    passage=LOOK_UP,
)
async def look_up_known(bench: Bench) -> None:
    for _ in range(4):
        delivery = bench.referral()
        given = await bench.hand_over(delivery)
        found = await _look_up(bench, delivery)
        if found is None or found.partner_reference != given.partner_reference:
            raise Failed(f"{found and found.partner_reference}, not {given.partner_reference}")


@check(
    136,
    "A look-up of what it never had says INCONNU",
    only_soap,
    expected="INCONNU",
    passage=LOOK_UP,
)
async def look_up_unknown(bench: Bench) -> None:
    if (found := await _look_up(bench, bench.referral())) is not None:
        raise Failed(f"CONNU, {found.partner_reference}")


@check(
    137,
    "The maximum is kept",
    only_soap,
    expected="no more changes than were asked for, and a cursor",
    passage=POLLED,
)
async def maximum_kept(bench: Bench) -> None:
    await bench.story(TO_RESOLVE)
    page = await _probe(bench).changes(most=1)
    if len(page.entries) > 1 or not page.cursor:
        raise Failed(f"{len(page.entries)} changes for maximum 1, cursor {page.cursor!r}")


@check(
    138,
    "An old cursor gives the same again",
    only_soap,
    expected="what was read from it before, in the same order",
    passage=POLLED,
)
async def read_again(bench: Bench) -> None:
    await bench.story(TO_RESOLVE)
    probe = _probe(bench)
    beginning = await probe.changes(most=1)
    if bench.hearing.statuses and not beginning.entries:
        raise Failed("nothing without a cursor, though there were changes")
    once, again = [await probe.changes(most=2, cursor=beginning.cursor) for _ in range(2)]
    if _ids(once) != _ids(again):
        raise Failed(f"{_ids(once)}, then {_ids(again)}")


@check(
    139,
    "Pages follow each other",
    only_soap,
    expected="two pages of one are the page of two: nothing missing, nothing twice",
    passage=POLLED,
)
async def pages_follow(bench: Bench) -> None:
    await bench.story(TO_RESOLVE)
    probe = _probe(bench)
    first = await probe.changes(most=1)
    second = await probe.changes(most=1, cursor=first.cursor)
    both = await probe.changes(most=2)
    if _ids(first) + _ids(second) != _ids(both):
        raise Failed(f"{_ids(first)} and {_ids(second)}, but together {_ids(both)}")


CHECKS = (
    wrong_password,
    without_token,
    same_nonce,
    stale,
    future,
    clocks_apart,
    not_xml,
    document_type,
    billion_laughs,
    unknown_element,
    missing_element,
    wrong_value,
    unknown_operation,
    too_large,
    look_up_known,
    look_up_unknown,
    maximum_kept,
    read_again,
    pages_follow,
)

Change = Callable[[bytes], bytes]


def _probe(bench: Bench) -> SoapProbe:
    return bench.probe_as(SoapProbe)


def _changed(message: Message, change: Change) -> Message:
    content = change(message.content)
    if content == message.content:
        raise ValueError("nothing was changed in the message")
    return replace(message, content=content)


def _with_prologue(content: bytes, prologue: bytes, reference: bytes) -> bytes:
    declaration, end, rest = content.partition(b"?>")
    return declaration + end + prologue + rest.replace(b"ESSAI", reference, 1)


def _instead(nonsense: bytes, _: bytes) -> bytes:
    return nonsense


def _without_element(name: bytes, content: bytes) -> bytes:
    return re.sub(rb"<([\w-]+:)%b>[^<]*</\1%b>" % (name, name), b"", content)


def _fault(probe: SoapProbe, answer: Answer) -> Fault | None:
    """The fault answered, None for a reply; raises `Failed` for neither."""
    try:
        probe.messages.read(HAND_IN, answer.body)
    except Fault as fault:
        return fault
    except Unreadable as error:
        raise Failed(shown(answer)) from error
    return None


def _must_turn_away(probe: SoapProbe, answer: Answer) -> None:
    if answer.status in {401, 403}:
        return
    fault = _fault(probe, answer)
    if fault is None or fault.code not in ABOUT_US:
        raise Failed(fault.code if fault else shown(answer))


async def _must_fault(bench: Bench, change: Change) -> None:
    """A message that was changed so must be answered by fault Client (or Sender), or by a 4xx."""
    probe = _probe(bench)
    answer = await probe.send(_changed(probe.written(bench.referral()), change))
    if 400 <= answer.status < 500:
        return
    fault = _fault(probe, answer)
    if fault is None or fault.code not in {"Client", "Sender"}:
        raise Failed(fault.code if fault else shown(answer))


async def _look_up(bench: Bench, delivery: Delivery) -> Receipt | None:
    if not isinstance(bench.adapter, LooksUp):
        raise TypeError(f"{bench.file.kind} cannot look up")
    return await bench.adapter.look_up(delivery)


def _ids(page: Changes) -> list[object]:
    return [entry.get("identifiant") for entry in page.entries]
