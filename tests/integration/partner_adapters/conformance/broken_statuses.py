"""Agencies that say things wrongly, with one defect each, and the checks that must catch it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from standardwebhooks.webhooks import Webhook

from services.partner_simulators.outgoing import GiveUp, TryAgain
from services.partner_simulators.simulator import Simulator
from tests.integration.partner_adapters.conformance.broken_http import (
    Defect,
    Spoil,
    agency_of,
    with_office,
)

Message = dict[str, Any]
FINAL = {"TRAITE", "REJETE", "TERMINEE", "REFUSEE", "done", "rejected"}


def saying(change: Callable[[Message], Message]) -> Spoil:
    """Each status message is changed so before it goes out."""

    def spoil(simulator: Simulator) -> None:
        office: Any = simulator.office
        announce = office._announce
        office._announce = lambda message: announce(change(dict(message)))

    return spoil


def announcing(how: Callable[[Message, Callable[[Message], None]], None]) -> Spoil:
    """Each status message goes out as `how` has it, which may say more, or nothing."""

    def spoil(simulator: Simulator) -> None:
        office: Any = simulator.office
        announce = office._announce
        office._announce = lambda message: how(message, announce)

    return spoil


def _silent(message: Message, announce: Callable[[Message], None]) -> None:
    """Says nothing."""


def _backwards() -> Spoil:
    """Keeps the first of each two, and says it after the second."""
    kept: dict[str, Message] = {}

    def how(message: Message, announce: Callable[[Message], None]) -> None:
        first = kept.pop(message["referral_id"], None)
        if first is None:
            kept[message["referral_id"]] = message
            return
        announce(message)
        announce(first)

    return announcing(how)


def _goes_on_after_the_end(message: Message, announce: Callable[[Message], None]) -> None:
    announce(message)
    if message["status"] in FINAL:
        announce({**message, "id": str(uuid4()), "status": "EN_TRAITEMENT", "reason": None})


def _deaf_to_answers(office: Any) -> None:
    office.take_answer = lambda file, *, answer_id, body: None


def _moved_by_each_answer(office: Any) -> None:
    take = office.take_answer

    def take_each(file: Any, *, answer_id: str, body: bytes) -> None:
        take(file, answer_id=answer_id, body=body)
        message = office.status_of(file)
        office._announce({**message, "id": str(uuid4()), "status": "EN_TRAITEMENT"})

    office.take_answer = take_each


def _badly_as_well(message: Message, announce: Callable[[Message], None]) -> None:
    announce(message)
    announce({**message, "at": "hier"})


def _without_a_zone(message: Message) -> Message:
    return {**message, "at": message["at"].removesuffix("Z")}


STATUS_DEFECTS = {
    "says nothing": Defect("edf", announcing(_silent), {21}),
    "writes statuses badly": Defect(
        "edf",
        announcing(_badly_as_well),
        {22},
    ),
    "says a word that is not in the table": Defect(
        "caf", saying(lambda m: {**m, "status": m["status"].replace("EN_COURS", "VU")}), {23}
    ),
    "uses an id again": Defect("edf", saying(lambda m: {**m, "id": m["referral_id"]}), {24}),
    "says things backwards": Defect("edf", _backwards(), {25}),
    "goes on after the end": Defect("edf", announcing(_goes_on_after_the_end), {26}),
    "has a wrong clock": Defect("caf", saying(lambda m: {**m, "at": "2020-01-01T00:00:00Z"}), {27}),
    "asks without words": Defect("engie", saying(lambda m: {**m, "message": None}), {28}),
    "does not hear the answer": Defect("caf", with_office(_deaf_to_answers), {29}),
    "is moved by each answer": Defect("edf", with_office(_moved_by_each_answer), {30}),
    "has reasons of its own": Defect(
        "caf", saying(lambda m: {**m, "reason": m["reason"] and "parce_que"}), {31}
    ),
}


def calling(change: Callable[[Any], None]) -> Spoil:
    """Changes whoever calls back."""
    return lambda simulator: change(simulator.outgoing._send.__self__)


def _elsewhere(sender: Any) -> None:
    sender._address = sender._address.replace("/status", "/statuts")


def _with_another_key(sender: Any) -> None:
    sender._webhook = Webhook("whsec_YW4tb3RoZXIta2V5LWFuLW90aGVyLWtleQ==")


def _with_an_old_clock(sender: Any) -> None:
    clock = sender._clock
    sender._clock = lambda: clock() - timedelta(minutes=10)


def _signing_once(sender: Any) -> None:
    """The clock stands still after a minute ago: a repetition carries the first signature."""
    made: dict[str, dict[str, str]] = {}
    headers, clock = sender._headers, sender._clock

    def stale(message_id: str, body: str) -> dict[str, str]:
        if message_id in made:
            sender._clock = lambda: clock() - timedelta(minutes=6)
            try:
                return headers(message_id, body)
            finally:
                sender._clock = clock
        made[message_id] = headers(message_id, body)
        return made[message_id]

    sender._headers = stale


def sending(around: Callable[[Any, Message], Any]) -> Spoil:
    """Each call is made as `around` has it, given what sends rightly."""

    def spoil(simulator: Any) -> None:
        send = simulator.outgoing._send

        async def sent(message: Message) -> None:
            await around(send, message)

        simulator.outgoing._send = sent

    return spoil


async def once_only(send: Any, message: Message) -> None:
    try:
        await send(message)
    except TryAgain as failure:
        raise GiveUp(failure.because) from failure


async def at_once_again(send: Any, message: Message) -> None:
    try:
        await send(message)
    except TryAgain as failure:
        raise TryAgain(failure.because) from failure


async def _twice(send: Any, message: Message) -> None:
    await send(message)
    await send(message)


async def _impatiently(send: Any, message: Message) -> None:
    try:
        async with asyncio.timeout(0.5):
            await send(message)
    except TimeoutError as error:
        raise TryAgain("no_patience") from error


async def _for_ever(send: Any, message: Message) -> None:
    while True:
        try:
            return await send(message)
        except GiveUp:
            await asyncio.sleep(0.02)


def _one_at_a_time() -> Spoil:
    turn = asyncio.Lock()

    async def around(send: Any, message: Message) -> None:
        async with turn:
            while True:
                try:
                    return await send(message)
                except TryAgain:
                    await asyncio.sleep(2)

    return sending(around)


CALLBACK_DEFECTS = {
    "calls elsewhere": Defect("caf", calling(_elsewhere), {101}),
    "signs wrongly": Defect("caf", calling(_with_another_key), {102}),
    "signs with an old clock": Defect("engie", calling(_with_an_old_clock), {103}),
    "calls with bad messages": Defect("caf", saying(_without_a_zone), {104}),
    "calls once only": Defect("caf", sending(once_only), {105, 106}),
    "does not sign anew": Defect("engie", calling(_signing_once), {107}),
    "ignores Retry-After": Defect("caf", sending(at_once_again), {108}),
    "says everything twice": Defect("engie", sending(_twice), {109}),
    "does not wait for an answer": Defect("caf", sending(_impatiently), {110}),
    "besieges": Defect("caf", sending(_for_ever), {111}),
    "says one thing at a time": Defect("engie", _one_at_a_time(), {112}),
}


def _verifies_nothing(simulator: Any) -> None:
    agency_of(simulator)._is_ours = lambda request, body: True


def _minds_no_time(simulator: Any) -> None:
    agency = agency_of(simulator)

    def is_ours(request: Any, body: bytes) -> bool:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not {"webhook-id", "webhook-timestamp", "webhook-signature"} <= set(headers):
            return False
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        signature = agency._key.sign(headers["webhook-id"], at, body.decode())
        return signature in headers["webhook-signature"].split()

    agency._is_ours = is_ours


def _minds_every_second(simulator: Any) -> None:
    agency = agency_of(simulator)
    is_ours = agency._is_ours

    def on_time(request: Any, body: bytes) -> bool:
        sent = int(request.headers.get("webhook-timestamp", "0"))
        return abs(agency._clock().timestamp() - sent) < 30 and is_ours(request, body)

    agency._is_ours = on_time


def _reads_one_signature(simulator: Any) -> None:
    agency = agency_of(simulator)
    is_ours = agency._is_ours

    def first(request: Any, body: bytes) -> bool:
        said = request.headers.get("webhook-signature", "")
        return " " not in said and is_ours(request, body)

    agency._is_ours = first


def _takes_any_type(simulator: Any) -> None:
    agency = agency_of(simulator)
    take = agency._take
    agency._take = lambda body: take(body.replace(b"referral.essai", b"referral.issued"))


def _new_file_each_time(office: Any) -> None:
    office._recognises_repetitions = False


WEBHOOK_DEFECTS = {
    "reads one signature": Defect("engie", _reads_one_signature, {81}),
    "verifies nothing": Defect("engie", _verifies_nothing, {41, 42, 82, 83, 84, 85, 86, 88}),
    "minds no time": Defect("engie", _minds_no_time, {85, 86}),
    "minds every second": Defect("engie", _minds_every_second, {87}),
    "opens a file for each message": Defect("engie", with_office(_new_file_each_time), {2, 89}),
    "takes any type": Defect("engie", _takes_any_type, {90}),
}
