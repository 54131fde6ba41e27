"""Agencies over HTTP with one defect each, and the checks that must catch it."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from aiohttp import web

from services.partner_simulators.door import answered
from services.partner_simulators.simulator import Simulator
from services.partner_simulators.status_list import StatusList

Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Spoil = Callable[[Simulator], None]


@dataclass(frozen=True)
class Defect:
    partner_id: str
    spoil: Spoil
    caught_by: set[int]
    timeout: float | None = None
    """Of the agency's file, when the defect is to be slow."""


def agency_of(simulator: Any) -> Any:
    """What answers behind the door."""
    return simulator._door._answer.__self__


def meeting(meet: Callable[[web.BaseRequest, Serve], Awaitable[web.StreamResponse]]) -> Spoil:
    """Each request is met by `meet`, which may pass it on."""

    def spoil(simulator: Any) -> None:
        serve = simulator._door._answer

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            return await meet(request, serve)

        simulator._door._runner.server.request_handler = answer

    return spoil


def refusing(pattern: bytes, *, status: int = 422, below: str = "") -> Spoil:
    """Answers so to every POST whose body matches."""

    async def meet(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
        found = request.method == "POST" and re.search(pattern, await request.read(), re.DOTALL)
        if found and request.path.endswith(below):
            return answered(status, {})
        return await serve(request)

    return meeting(meet)


def always(status: int, content: object, *, method: str = "", path: str = "") -> Spoil:
    """Answers so whatever comes, or whatever comes in this way."""

    async def meet(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
        if request.method.startswith(method) and re.search(path, request.path):
            return answered(status, content)
        return await serve(request)

    return meeting(meet)


def with_office(change: Callable[[Any], None]) -> Spoil:
    return lambda simulator: change(simulator.office)


def _forget_repetitions(office: Any) -> None:
    office._recognises_repetitions = False


def _same_reference(office: Any) -> None:
    office._new_reference = lambda now: "REF-1"


def _blank_reference(office: Any) -> None:
    office._new_reference = lambda now: "   "


def _overwhelmed_by_more_than(most: int) -> Spoil:
    here = SimpleNamespace(now=0)

    async def meet(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
        here.now += 1
        try:
            if here.now > most:
                return answered(500, {})
            await asyncio.sleep(0.05)
            return await serve(request)
        finally:
            here.now -= 1

    return meeting(meet)


async def _slowly(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
    await asyncio.sleep(0.4)
    return await serve(request)


async def _success_for_404(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
    answer = await serve(request)
    return answered(200, {"reference": "REF-1"}) if answer.status == 404 else answer


async def _crash_for_refusal(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
    try:
        answer = await serve(request)
    except web.HTTPException:
        return answered(500, {})
    return answered(500, {}) if answer.status in {400, 413, 422} else answer


async def _success_for_refusal(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
    answer = await serve(request)
    is_wrong = answer.status in {400, 413, 422}
    return answered(200, {"reference": "REF-1"}) if is_wrong else answer


async def takes_large(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
    if int(request.headers.get("Content-Length", 0)) > 1_000_000:
        while await request.content.readany():
            continue
        return answered(201, {"reference": "REF-1"})
    return await serve(request)


def _keeps_what_it_refused() -> Spoil:
    seen: set[str] = set()

    async def meet(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
        key = request.headers.get("Idempotency-Key", "")
        if key in seen:
            return answered(409, {})
        answer = await serve(request)
        if answer.status == 422:
            seen.add(key)
        return answer

    return meeting(meet)


def _hurt_by_bad_input() -> Spoil:
    wounds = SimpleNamespace(left=0)

    async def meet(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
        await asyncio.sleep(0.02)
        if wounds.left:
            wounds.left -= 1
            return answered(500, {})
        answer = await serve(request)
        if answer.status == 400:
            wounds.left = 3
        await asyncio.sleep(0.02)
        return answer

    return meeting(meet)


def _refusing_repetitions(below: str) -> Spoil:
    seen: set[tuple[str, bytes]] = set()

    async def meet(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
        call = (request.path, await request.read())
        if request.path.endswith(below) and call in seen:
            return answered(422, {})
        seen.add(call)
        return await serve(request)

    return meeting(meet)


def _lets_anybody_in(simulator: Any) -> None:
    agency_of(simulator)._key.admits = lambda headers, now: True


def _lets_any_key_in(simulator: Any) -> None:
    agency_of(simulator)._key.admits = lambda headers, now: (
        "X-Api-Key" in headers or "Authorization" in headers
    )


def _does_not_mind_case(simulator: Any) -> None:
    key = agency_of(simulator)._key
    known = key._key.decode().lower()
    key.admits = lambda headers, now: headers.get("X-Api-Key", "").lower() == known


def _gives_anybody_a_token(simulator: Any) -> None:
    token = {"access_token": "t", "token_type": "Bearer", "expires_in": 300}
    agency_of(simulator)._key.issue_token = lambda authorization, now: token


def _finds_only_after_a_while() -> Spoil:
    taken: dict[str, float] = {}

    async def meet(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
        now = asyncio.get_running_loop().time()
        if request.method == "POST":
            taken.setdefault(request.headers.get("Idempotency-Key", ""), now)
        elif now < taken.get(request.path.rpartition("/")[2], 0) + 0.5:
            return answered(404, {})
        return await serve(request)

    return meeting(meet)


def with_list(change: Callable[[StatusList], None]) -> Spoil:
    return lambda simulator: change(agency_of(simulator)._statuses)


def without_limit(statuses: Any) -> None:
    read = statuses.read
    statuses.read = lambda *, after, limit: read(after=after, limit=200)


def read_once(statuses: Any) -> None:
    read, gone = statuses.read, SimpleNamespace(up_to=0)

    def once(*, after: str | None, limit: int) -> Any:
        found, cursor = read(after=f"{statuses._life}.{gone.up_to}", limit=limit)
        gone.up_to += len(found)
        return found, cursor

    statuses.read = once


def overlapping(statuses: Any) -> None:
    read = statuses.read

    def again(*, after: str | None, limit: int) -> Any:
        life, _, position = (after or "").partition(".")
        start = f"{life}.{max(int(position) - 1, 0)}" if position else None
        return read(after=start, limit=limit)

    statuses.read = again


_PAGE = b"<html>Maintenance</html>"


async def _html(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
    answer = await serve(request)
    return web.Response(body=_PAGE, content_type="text/html") if answer.status < 300 else answer


async def _long_answers(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
    answer = await serve(request)
    if request.method != "POST" or answer.status >= 300:
        return answer
    return answered(answer.status, {"reference": "REF-1", "more": "x" * 100_000})


DEFECTS = {
    "opens a file each time": Defect("caf", with_office(_forget_repetitions), {2, 12, 61}),
    "knows no emoji": Defect("caf", refusing(rb"\\ud83d"), {3}),
    "keeps 1,000 characters": Defect("caf", refusing(b'"text": "[^"]{1000}'), {4}),
    "wants a first name": Defect(
        "caf", refusing(b"^((?!given_name).)*demarches((?!given_name).)*$"), {5}
    ),
    "refuses fields it does not know": Defect("engie", refusing(b"un_champ_de_plus"), {6}),
    "knows one démarche": Defect("caf", refusing(b'"essai.1"'), {7}),
    "chokes on urgency": Defect("caf", refusing(b'"urgent": true', status=500), {8}),
    "knows no bus": Defect("edf", refusing(b'"bus"'), {9}),
    "chokes on markup": Defect("caf", refusing(rb"\]\]>", status=500), {10}),
    "gives every file one reference": Defect("caf", with_office(_same_reference), {11}),
    "bears four calls at once": Defect("edf", _overwhelmed_by_more_than(4), {11, 13}),
    "is slow": Defect("edf", meeting(_slowly), {13}, timeout=0.6),
    "takes no answer": Defect("caf", refusing(b"", below="/answers"), {14}),
    "refuses an answer it has": Defect("caf", _refusing_repetitions("/answers"), {15}),
    "takes answers about nothing": Defect("caf", meeting(_success_for_404), {16, 64, 68}),
    "takes no withdrawal": Defect("caf", refusing(b"", below="/withdrawal"), {17, 19}),
    "refuses a withdrawal it has": Defect("caf", _refusing_repetitions("/withdrawal"), {18}),
    "lets anybody in": Defect("edf", _lets_anybody_in, {41, 42, 67, 71, 76}),
    "accepts a wrong key": Defect("caf", _lets_any_key_in, {42}),
    "crashes on bad input": Defect(
        "edf", meeting(_crash_for_refusal), {43, 44, 45, 46, 47, 48, 49}
    ),
    "takes bad input": Defect("caf", meeting(_success_for_refusal), {43, 44, 45, 46, 47, 49}),
    "follows no limit": Defect("caf", meeting(takes_large), {48}),
    "keeps what it refused": Defect("caf", _keeps_what_it_refused(), {49}),
    "is hurt by bad input": Defect("edf", _hurt_by_bad_input(), {50}),
    "answers at length": Defect("engie", meeting(_long_answers), {51}),
    "redirects": Defect("edf", always(302, {}, method="POST"), {1, 51}),
    "answers HTML": Defect("engie", meeting(_html), {52}),
    "has blank references": Defect("caf", with_office(_blank_reference), {62}),
    "forgets": Defect("edf", always(404, {}, method="GET", path="/referrals/"), {63, 65}),
    "finds only after a while": Defect("edf", _finds_only_after_a_while(), {63, 65}),
    "does not say where a file stands": Defect(
        "caf", always(200, {"reference": "R"}, method="GET", path="/referrals/"), {63, 64, 66}
    ),
    "gives tokens of no kind": Defect(
        "caf", always(200, {"access_token": "t"}, path="oauth"), {69}
    ),
    "gives anybody a token": Defect("caf", _gives_anybody_a_token, {70}),
    "does not mind the key’s case": Defect("edf", _does_not_mind_case, {71}),
    "has no cursor": Defect("edf", always(200, {"statuses": []}, path="/statuses"), {72}),
    "has no list": Defect("edf", always(200, {}, path="/statuses"), {72, 73, 74, 75}),
    "keeps no limit": Defect("edf", with_list(without_limit), {73}),
    "shows each status once": Defect("edf", with_list(read_once), {74}),
    "has pages that overlap": Defect("edf", with_list(overlapping), {75}),
}
