"""Agencies by Kafka and by portal with one defect each, and the checks that must catch it."""

import asyncio
from typing import Any
from uuid import uuid4

from services.partner_simulators.outgoing import GiveUp, TryAgain
from services.partner_simulators.sealed_letter import Unreadable
from tests.integration.partner_adapters.conformance.broken_http import Defect, Spoil
from tests.integration.partner_adapters.conformance.broken_statuses import (
    at_once_again,
    once_only,
    sending,
)


class Crash(Exception):
    """A fault of the agency's programmers."""


def dying_of(method: str, is_fatal: Any) -> Spoil:
    """Its program ends when it is given such a thing, and begins anew at the same place."""

    def spoil(simulator: Any) -> None:
        right = getattr(simulator, method)

        def wrong(*arguments: Any, **named: Any) -> Any:
            if is_fatal(simulator, *arguments):
                raise TryAgain("crashed")
            return right(*arguments, **named)

        setattr(simulator, method, wrong)

    return spoil


def _opened(simulator: Any, record: Any) -> bool:
    try:
        simulator._opener.open(record.value or b"")
    except Unreadable:
        return False
    return True


def _type_is(record: Any, *types: bytes) -> bool:
    return dict(record.headers).get("ce_type") in types


def _replying(change: Any) -> Spoil:
    """What it writes on its reply topic goes out so: key, value, headers."""

    def spoil(simulator: Any) -> None:
        replies = simulator._replies

        async def write(referral_id: str, value: bytes) -> None:
            producer = await replies._started()
            key, value, headers = change(referral_id.encode(), value)
            await producer.send_and_wait("partner-replies-casvp", value, key=key, headers=headers)

        replies._write = write

    return spoil


JSON = [("content-type", b"application/json")]


def _takes_any_form(simulator: Any) -> None:
    office = simulator.office

    def receive(form: Any, body: bytes, tray: Any, *, fault: Any) -> None:
        office.open_file(str(form["referral_id"]), body=body)
        tray.files.append(office.find_file(str(form["referral_id"])))

    simulator._receive = receive


def _acknowledges_anew(simulator: Any) -> None:
    office = simulator.office
    acknowledgement_of = office.acknowledgement_of
    said: dict[str, Any] = {}

    def anew(file: Any) -> Any:
        first = said.setdefault(file.referral_id, acknowledgement_of(file))
        return {**first, "id": str(uuid4())}

    office.acknowledgement_of = anew


def _withdrawn_before(simulator: Any, what: str, form: Any, body: bytes) -> bool:
    file = simulator.office.find_file(str(form.get("referral_id")))
    return what == "aiguillage.withdrawal" and file is not None and file.withdrawn


QUEUE_DEFECTS = {
    "opens two files": Defect("casvp", _acknowledges_anew, {2}),
    "replies without a key": Defect("casvp", _replying(lambda k, v: (b"x", v, JSON)), {181}),
    "replies without a type": Defect("casvp", _replying(lambda k, v: (k, v, [])), {182}),
    "replies nonsense": Defect("casvp", _replying(lambda k, v: (k, b"{", JSON)), {22}),
    "dies of what it cannot open": Defect(
        "casvp", dying_of("_read", lambda s, record, *_: not _opened(s, record)), {183, 184, 185}
    ),
    "dies of nonsense": Defect(
        "casvp",
        dying_of("_follow_up", lambda s, what, form, _: "text" in form and not form["text"]),
        {186},
    ),
    "dies of a new type": Defect(
        "casvp",
        dying_of("_read", lambda s, record, *_: _type_is(record, b"aiguillage.essai")),
        {187},
    ),
    "dies of an answer to nothing": Defect(
        "casvp",
        dying_of(
            "_follow_up", lambda s, w, form, _: not s.office.find_file(str(form["referral_id"]))
        ),
        {188},
    ),
    "dies of a second withdrawal": Defect(
        "casvp", dying_of("_follow_up", _withdrawn_before), {189}
    ),
    "dies of a new header": Defect(
        "casvp",
        dying_of("_read", lambda s, record, *_: "ce_dataschema" in dict(record.headers)),
        {190},
    ),
    "takes any form": Defect("casvp", _takes_any_form, {191}),
}


def at_the_portal(change: Any) -> Spoil:
    """Changes how its people's tool talks to the portal."""
    return lambda simulator: change(simulator._session)


def _keeps_a_dead_session(session: Any) -> None:
    session._forget = lambda token: None


def _signs_in_each_time(session: Any) -> None:
    session._signed_in = session._sign_in


def _reads_one_page(session: Any) -> None:
    get = session.get

    async def first_page(path: str = "", *, query: Any) -> Any:
        return {**await get(path, query=query), "cursor": None}

    session.get = first_page


def posting(change: Any) -> Spoil:
    """Each status is posted so: content and key."""

    def spoil(simulator: Any) -> None:
        post = simulator._session.post

        async def posted(path: str, *, content: Any, idempotency_key: str) -> Any:
            content, key = change(content, idempotency_key)
            return await post(path, content=content, idempotency_key=key)

        simulator._session.post = posted

    return spoil


async def _for_ever(send: Any, message: Any) -> None:
    while True:
        try:
            return await send(message)
        except GiveUp:
            await asyncio.sleep(0.02)


def _dies_of_a_withdrawal(simulator: Any) -> None:
    work_on = simulator._work_on

    def work(shown: Any) -> None:
        if shown["withdrawn_at"]:
            raise Crash
        work_on(shown)

    simulator._work_on = work


def _wrongly_addressed(session: Any) -> None:
    session._portal_url = session._portal_url.replace("referrals", "inbox")


PORTAL_DEFECTS = {
    "never looks": Defect("mairie", at_the_portal(_wrongly_addressed), {201, 212}),
    "keeps a dead session": Defect("mairie", at_the_portal(_keeps_a_dead_session), {202}),
    "signs in each time": Defect("mairie", at_the_portal(_signs_in_each_time), {203}),
    "reads one page": Defect("mairie", at_the_portal(_reads_one_page), {204}),
    "has one key for everything": Defect("mairie", posting(lambda c, k: (c, "one")), {205}),
    "has a new key each time": Defect(
        "mairie", posting(lambda c, k: (c, str(uuid4()))), {206, 207}
    ),
    "clicks once only": Defect("mairie", sending(once_only), {206, 207, 208}),
    "ignores Retry-After there": Defect("mairie", sending(at_once_again), {208}),
    "refuses without a reason": Defect(
        "mairie", posting(lambda c, k: ({**c, "reason": None}, k)), {209}
    ),
    "besieges the portal": Defect("mairie", sending(_for_ever), {210}),
    "dies of a withdrawal": Defect("mairie", _dies_of_a_withdrawal, {211}),
}
