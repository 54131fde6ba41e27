"""61–80, `rest`: references, look-ups, the key, and lists of statuses read from a cursor on."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.check import (
    api_key,
    check,
    is_polled,
    kinds,
    oauth2,
    recognises_repetitions,
)
from services.partner_adapters.conformance.http_input import must_be_turned_away, shown
from services.partner_adapters.conformance.invented import TO_RESOLVE
from services.partner_adapters.conformance.rest_probe import RestProbe
from services.partner_adapters.conformance.verdict import Failed
from services.partner_adapters.http_meaning import json_object
from services.partner_adapters.partner_adapter import Delivery, LooksUp, Receipt
from services.partner_adapters.partner_http import Answer

TAKEN = "rest.md#une-orientation--a-referral"
CALLS = "rest.md#qui-appelle--who-calls"
POLLED = "rest.md#vos-statuts-par-relève--your-statuses-by-polling"
only_rest = kinds("rest")


@check(
    61,
    "201 the first time, 200 the second",
    only_rest,
    recognises_repetitions,
    expected="201 and a reference, then 200 and the same one",
    passage=TAKEN,
)
async def created_once(bench: Bench) -> None:
    first, again = await _posted_twice(bench)
    if (first.status, again.status) != (201, 200):
        raise Failed(f"{first.status}, then {again.status}")
    if _reference(first) != _reference(again):
        raise Failed(f"{_reference(first)}, then {_reference(again)}")


@check(
    62,
    "The reference can be shown to the visitor",
    only_rest,
    expected="1 to 100 characters that can be printed",
    passage=TAKEN,
)
async def reference_shown(bench: Bench) -> None:
    receipt = await bench.hand_over(bench.referral())
    if not (receipt.partner_reference or "").strip():
        raise Failed("it is only spaces")


@check(
    63,
    "A look-up finds what was taken",
    only_rest,
    expected="200 and the reference that was given",
    passage=TAKEN,
)
async def look_up_known(bench: Bench) -> None:
    delivery = bench.referral()
    given = await bench.hand_over(delivery)
    found = await _look_up(bench, delivery)
    if found is None or found.partner_reference != given.partner_reference:
        raise Failed(f"{found and found.partner_reference}, {given.partner_reference} was given")


@check(
    64,
    "A look-up of what it never had is 404",
    only_rest,
    expected="404",
    passage=TAKEN,
)
async def look_up_unknown(bench: Bench) -> None:
    found = await _look_up(bench, bench.referral())
    if found is not None:
        raise Failed(found.answer[:120])


@check(
    65,
    "A look-up finds what is there at once",
    only_rest,
    expected="200 as soon as the referral was answered, not later",
    passage=TAKEN,
)
async def look_up_at_once(bench: Bench) -> None:
    for _ in range(8):
        delivery = bench.referral()
        await bench.hand_over(delivery)
        if await _look_up(bench, delivery) is None:
            raise Failed("404 for a referral that had just been taken")


@check(
    66,
    "A look-up says where the file stands",
    only_rest,
    expected="a word of the table in status",
    passage=TAKEN,
)
async def look_up_word(bench: Bench) -> None:
    delivery = bench.referral()
    await bench.hand_over(delivery)
    answer = await _probe(bench).us.call("GET", f"/referrals/{delivery.referral_id}")
    word = json_object(answer).get("status")
    if not isinstance(word, str) or word not in bench.file.statuses:
        raise Failed(shown(answer))


@check(
    67,
    "A look-up needs the key too",
    only_rest,
    expected="401 or 403",
    passage=CALLS,
)
async def look_up_as_nobody(bench: Bench) -> None:
    delivery = bench.referral()
    await bench.hand_over(delivery)
    must_be_turned_away(
        await _probe(bench).nobody.call("GET", f"/referrals/{delivery.referral_id}")
    )


@check(
    68,
    "An address it does not have is 404",
    only_rest,
    expected="404 or 405, not a success",
    passage=TAKEN,
)
async def no_such_address(bench: Bench) -> None:
    answer = await _probe(bench).us.call("GET", f"/essai-{uuid4()}")
    if answer.status not in {404, 405}:
        raise Failed(shown(answer))


@check(
    69,
    "The token says what it is",
    only_rest,
    oauth2,
    expected="access_token, token_type Bearer, expires_in of at least a minute",
    passage=CALLS,
)
async def token_form(bench: Bench) -> None:
    answer = await _probe(bench).ask_token()
    token = json_object(answer)
    kind, lasts = str(token.get("token_type")).lower(), token.get("expires_in")
    if answer.status != 200 or kind != "bearer" or not isinstance(lasts, int) or lasts < 60:
        raise Failed(f"{answer.status} {sorted(token)}, {kind}, {lasts}")


@check(
    70,
    "A wrong client secret gets no token",
    only_rest,
    oauth2,
    expected="400 or 401",
    passage=CALLS,
)
async def token_refused(bench: Bench) -> None:
    answer = await _probe(bench).ask_token(secret="not-our-secret")
    if answer.status not in {400, 401, 403}:
        raise Failed(str(answer.status))


@check(
    71,
    "A key that is nearly right is wrong",
    only_rest,
    api_key,
    expected="401 or 403",
    passage=CALLS,
)
async def nearly_right(bench: Bench) -> None:
    probe, delivery = _probe(bench), bench.referral()
    for key in await probe.keys_nearly_right():
        must_be_turned_away(
            await probe.post_unsigned(
                probe.written(delivery), referral_id=delivery.referral_id, **{"X-Api-Key": key}
            )
        )


@check(
    72,
    "A list of statuses has its form",
    only_rest,
    is_polled,
    expected='{"statuses": […], "cursor": …}',
    passage=POLLED,
)
async def list_form(bench: Bench) -> None:
    page = await _probe(bench).page(limit="200")
    if not isinstance(page.get("cursor"), str | int) or isinstance(page["cursor"], bool):
        raise Failed(f"cursor is {page.get('cursor')!r}")


@check(
    73,
    "The limit is kept",
    only_rest,
    is_polled,
    expected="no more statuses than were asked for",
    passage=POLLED,
)
async def limit_kept(bench: Bench) -> None:
    await bench.story(TO_RESOLVE)
    page = await _probe(bench).page(limit="1")
    if len(page["statuses"]) > 1:
        raise Failed(f"{len(page['statuses'])} for limit=1")


@check(
    74,
    "An old cursor gives the same again",
    only_rest,
    is_polled,
    expected="what was read from it before, in the same order",
    passage=POLLED,
)
async def read_again(bench: Bench) -> None:
    await bench.story(TO_RESOLVE)
    probe = _probe(bench)
    beginning = await probe.page(limit="1")
    if bench.hearing.statuses and not beginning["statuses"]:
        raise Failed("nothing without a cursor, though there were statuses")
    cursor = str(beginning.get("cursor"))
    once = await probe.page(limit="2", after=cursor)
    again = await probe.page(limit="2", after=cursor)
    if _ids(once) != _ids(again):
        raise Failed(f"{_ids(once)}, then {_ids(again)}")


@check(
    75,
    "Pages follow each other",
    only_rest,
    is_polled,
    expected="two pages of one are the page of two: nothing missing, nothing twice",
    passage=POLLED,
)
async def pages_follow(bench: Bench) -> None:
    await bench.story(TO_RESOLVE)
    probe = _probe(bench)
    first = await probe.page(limit="1")
    second = await probe.page(limit="1", after=str(first.get("cursor")))
    both = await probe.page(limit="2")
    if _ids(first) + _ids(second) != _ids(both):
        raise Failed(f"{_ids(first)} and {_ids(second)}, but together {_ids(both)}")


@check(
    76,
    "The list of statuses needs the key too",
    only_rest,
    is_polled,
    expected="401 or 403",
    passage=CALLS,
)
async def list_as_nobody(bench: Bench) -> None:
    must_be_turned_away(await _probe(bench).nobody.call("GET", "/statuses"))


CHECKS = (
    created_once,
    reference_shown,
    look_up_known,
    look_up_unknown,
    look_up_at_once,
    look_up_word,
    look_up_as_nobody,
    no_such_address,
    token_form,
    token_refused,
    nearly_right,
    list_form,
    limit_kept,
    read_again,
    pages_follow,
    list_as_nobody,
)


def _probe(bench: Bench) -> RestProbe:
    return bench.probe_as(RestProbe)


async def _look_up(bench: Bench, delivery: Delivery) -> Receipt | None:
    if not isinstance(bench.adapter, LooksUp):
        raise TypeError(f"{bench.file.kind} cannot look up")
    return await bench.adapter.look_up(delivery)


def _reference(answer: Answer) -> object:
    return json_object(answer).get("reference")


def _ids(page: Mapping[str, Any]) -> list[object]:
    return [status.get("id") for status in page["statuses"] if isinstance(status, dict)]


async def _posted_twice(bench: Bench) -> tuple[Answer, Answer]:
    probe, delivery = _probe(bench), bench.referral()
    content = probe.written(delivery)
    first = await probe.post(content, referral_id=delivery.referral_id)
    return first, await probe.post(content, referral_id=delivery.referral_id)
