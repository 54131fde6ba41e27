"""`rest` against a real HTTP server: what each behaviour of a partner means."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from aiohttp import web

from services.partner_adapters.adapters.rest import RestAdapter
from services.partner_adapters.partner_adapter import (
    Delivery,
    OutcomeUnknown,
    PartnerNeedsAttention,
    PartnerRefused,
    PartnerUnavailable,
)
from services.partner_adapters.partner_credentials import (
    ApiKeyAuthorization,
    OAuth2Authorization,
)
from services.partner_adapters.partner_http import PartnerHttp
from services.partner_adapters.partner_network import Reach
from shared.plumbing.clock import MovableClock
from tests.integration.partner_adapters.stub_partner import accept, stub_partner

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def delivery(what="referral"):
    return Delivery(
        delivery_id=uuid4(),
        case_id=uuid4(),
        referral_id=uuid4(),
        what=what,
        body={"text": "é"},
        trace={"traceparent": "00-1-1-00"},
    )


@pytest.fixture
async def stub():
    async with stub_partner() as stub:
        yield stub


def adapter_of(address, *, authorization=None, timeout=5.0, clock=None):
    clock = clock or MovableClock(NOW)
    http = PartnerHttp(
        address=address,
        authorization=authorization or ApiKeyAuthorization("k"),
        concurrency=8,
        timeout=timeout,
        reach=Reach(loopback=True),
    )
    return RestAdapter(http=http, clock=clock)


@pytest.fixture
async def adapter(stub):
    adapter = adapter_of(stub.address)
    yield adapter
    await adapter.close()


async def test_a_referral_is_one_post_under_its_own_key(stub, adapter):
    handed = delivery()
    [receipt] = await adapter.deliver([handed])
    [asked] = stub.asked
    assert receipt.partner_reference == "REF-1"
    assert (asked.method, asked.path) == ("POST", "/referrals")
    assert asked.headers["Idempotency-Key"] == str(handed.referral_id)
    assert (asked.headers["X-Api-Key"], asked.headers["traceparent"]) == ("k", "00-1-1-00")
    assert json.loads(asked.body) == {"text": "é"}


async def test_answers_and_withdrawals_have_their_own_addresses(stub, adapter):
    answer, withdrawal = delivery("answer"), delivery("withdrawal")
    await adapter.deliver([answer])
    await adapter.deliver([withdrawal])
    assert stub.paths() == [
        f"POST /referrals/{answer.referral_id}/answers",
        f"POST /referrals/{withdrawal.referral_id}/withdrawal",
    ]


def says(status=200, body=b"", **headers):
    async def answer(_):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=named)

    return answer


async def cut(request):
    request.transport.close()
    return web.Response()


async def truncate(request):
    response = web.StreamResponse(headers={"Content-Length": "500"})
    await response.prepare(request)
    await response.write(b'{"reference":')
    request.transport.close()
    return response


async def ten_megabytes(request):
    response = web.StreamResponse(status=201)
    await response.prepare(request)
    for _ in range(160):
        await response.write(b"x" * 65536)
    return response


async def never(_):
    await asyncio.sleep(60)
    return web.Response()


HTML = b"<html><body>Bienvenue</body></html>"
MISBEHAVIOURS = {
    "refused as it stands": (says(422, b'{"errors":[]}'), PartnerRefused, "http_422"),
    "malformed, it says": (says(400), PartnerRefused, "http_400"),
    "too large, it says": (says(413), PartnerRefused, "http_413"),
    "wrong address": (says(404), PartnerNeedsAttention, "http_404"),
    "key rejected": (says(401), PartnerNeedsAttention, "unauthorized"),
    "forbidden": (says(403), PartnerNeedsAttention, "unauthorized"),
    "redirect": (says(302, Location="https://example.org/"), PartnerNeedsAttention, "redirect"),
    "overloaded": (says(503), PartnerUnavailable, "http_503"),
    "the same is in flight": (says(409), OutcomeUnknown, "http_409"),
    "failed within": (says(500), OutcomeUnknown, "http_500"),
    "failed at the gateway": (says(502, HTML), OutcomeUnknown, "http_502"),
    "html": (says(200, HTML), OutcomeUnknown, "unreadable_answer"),
    "empty": (says(201), OutcomeUnknown, "unreadable_answer"),
    "no reference": (says(201, b"{}"), OutcomeUnknown, "answer_without_reference"),
    "garbage": (says(201, b"\x00\xff"), OutcomeUnknown, "unreadable_answer"),
    "truncated": (truncate, OutcomeUnknown, "line_cut"),
    "10 megabytes": (ten_megabytes, OutcomeUnknown, "answer_too_long"),
    "accepted and cut": (cut, OutcomeUnknown, "line_cut"),
    "never answers": (never, OutcomeUnknown, "timed_out"),
}


@pytest.mark.parametrize("name", MISBEHAVIOURS)
async def test_each_misbehaviour_says_what_to_do_next(stub, name):
    stub.answer, failure, reason = MISBEHAVIOURS[name]
    adapter = adapter_of(stub.address, timeout=0.3 if name == "never answers" else 5)
    try:
        with pytest.raises(failure) as raised:
            await adapter.deliver([delivery()])
    finally:
        await adapter.close()
    assert raised.value.reason == reason
    assert len(stub.asked) == 1
    assert len(raised.value.answer) <= 64 * 1024


async def test_a_partner_that_is_down_certainly_did_not_take_it(stub):
    adapter = adapter_of("http://127.0.0.1:9")
    with pytest.raises(PartnerUnavailable, match="connection_refused"):
        await adapter.deliver([delivery()])
    await adapter.close()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *(("7", 7.0), ("Mon, 23 Nov 2026 10:01:00 GMT", 60.0), ("soon", None), ("", None)),
        # An agency may not hold its own deliveries back for ever, nor break our arithmetic.
        *(("9" * 400, 86400.0), ("Fri, 01 Jan 9999 00:00:00 GMT", 86400.0), ("²", None)),
        *(
            (f"Mon, 23 Nov {'9' * 30} 10:01:00 GMT", None),
            ("Mon, 23 Nov 2026 10:01:00 +9999", None),
        ),
    ],
)
async def test_retry_after_is_read_in_both_forms(stub, adapter, value, seconds):
    stub.answer = says(429, Retry_After=value)
    with pytest.raises(PartnerUnavailable) as raised:
        await adapter.deliver([delivery()])
    assert raised.value.retry_after == seconds


async def test_an_answer_made_to_exhaust_a_parser_is_unreadable(stub, adapter):
    stub.answer = says(201, b"[" * 60_000)
    with pytest.raises(OutcomeUnknown, match="unreadable_answer"):
        await adapter.deliver([delivery()])


async def test_a_withdrawal_of_what_it_never_had_is_done(stub, adapter):
    stub.answer = says(404)
    assert len(await adapter.deliver([delivery("withdrawal")])) == 1


async def test_a_look_up_finds_it_or_says_that_it_never_came(stub, adapter):
    stub.answer = says(200, b'{"reference":"REF-9","status":"RECU","at":"2026-11-23T10:00:00Z"}')
    found = await adapter.look_up(delivery())
    assert found is not None
    assert found.partner_reference == "REF-9"
    stub.answer = says(404)
    assert await adapter.look_up(delivery()) is None
    stub.answer = says(200, HTML)
    with pytest.raises(OutcomeUnknown):
        await adapter.look_up(delivery())
    stub.answer = says(500)
    with pytest.raises(PartnerUnavailable):
        await adapter.look_up(delivery())


async def test_statuses_are_collected_after_the_cursor_and_nonsense_is_put_aside(stub, adapter):
    good = {"id": "1", "referral_id": str(uuid4()), "status": "RECU", "at": "2026-11-23T10:00:00Z"}
    page = {"statuses": [good, {"id": "2"}, "nonsense"], "cursor": "c2"}
    stub.answer = says(200, json.dumps(page).encode())
    collected = await adapter.collect("c1")
    assert [each.status_id for each in collected.statuses] == ["1"]
    assert (collected.cursor, len(collected.unreadable)) == ("c2", 2)


async def test_a_full_page_of_long_messages_is_read_whole(stub, adapter):
    statuses = [
        {
            **{"id": str(number), "referral_id": str(uuid4()), "status": "RECU"},
            **{"at": "2026-11-23T10:00:00Z", "message": "é" * 3000},
        }
        for number in range(200)
    ]
    stub.answer = says(200, json.dumps({"statuses": statuses, "cursor": 7}).encode())
    collected = await adapter.collect(None)
    assert (len(collected.statuses), collected.unreadable) == (200, [])
    assert collected.cursor == "7"


@pytest.mark.parametrize(
    "body",
    [
        *(HTML, b"[]", b'{"statuses":{}}', b"[" * 60_000, b'{"statuses":[],"cursor":{"a":1}}'),
        *(
            b'{"statuses":[],"cursor":"a\\u0000b"}',
            b'{"statuses":[],"cursor":"%s"}' % (b"a" * 1001),
        ),
    ],
)
async def test_a_page_that_makes_no_sense_moves_no_cursor(stub, adapter, body):
    stub.answer = says(200, body)
    with pytest.raises(OutcomeUnknown):
        await adapter.collect(None)


class Tokens:
    """An OAuth2 partner that ends its tokens when told to."""

    def __init__(self):
        self.issued = 0
        self.valid = ""

    async def __call__(self, request):
        if request.path == "/oauth/token":
            self.issued += 1
            self.valid = f"token {self.issued}"
            return web.json_response({"access_token": self.valid, "expires_in": 600})
        if request.headers.get("Authorization") != f"Bearer {self.valid}":
            return web.Response(status=401)
        return await accept(request)


def oauth2(stub, clock):
    return OAuth2Authorization(
        address=stub.address,
        client_id="c",
        client_secret="s",
        reach=Reach(loopback=True),
        clock=clock,
    )


async def test_one_token_serves_all_calls_until_shortly_before_its_end(stub):
    stub.answer, clock = Tokens(), MovableClock(NOW)
    adapter = adapter_of(stub.address, authorization=oauth2(stub, clock), clock=clock)
    await asyncio.gather(*(adapter.deliver([delivery()]) for _ in range(20)))
    assert stub.answer.issued == 1
    clock.move(timedelta(seconds=580))
    await adapter.deliver([delivery()])
    assert stub.answer.issued == 2
    await adapter.close()


@pytest.mark.parametrize("lasts", [b"Infinity", b"1e308"])
async def test_a_token_without_end_is_renewed_each_day(stub, lasts):
    async def forever(request):
        if request.path == "/oauth/token":
            return await says(200, b'{"access_token":"a","expires_in":%s}' % lasts)(request)
        return await accept(request)

    stub.answer, clock = forever, MovableClock(NOW)
    adapter = adapter_of(stub.address, authorization=oauth2(stub, clock), clock=clock)
    await adapter.deliver([delivery()])
    clock.move(timedelta(hours=24))
    await adapter.deliver([delivery()])
    assert stub.paths().count("POST /oauth/token") == 2
    await adapter.close()


async def test_a_token_ended_early_is_renewed_once_for_all(stub):
    stub.answer, clock = Tokens(), MovableClock(NOW)
    adapter = adapter_of(stub.address, authorization=oauth2(stub, clock), clock=clock)
    await adapter.deliver([delivery()])
    stub.answer.valid = "ended"
    await asyncio.gather(*(adapter.deliver([delivery()]) for _ in range(20)))
    assert stub.answer.issued == 2
    await adapter.close()


@pytest.mark.parametrize(
    ("answer", "failure", "reason"),
    [
        (says(401), PartnerNeedsAttention, "token_refused"),
        (says(503), PartnerUnavailable, "token_http_503"),
        (says(200, HTML), PartnerUnavailable, "token_unreadable"),
        (says(200, b"[" * 60_000), PartnerUnavailable, "token_unreadable"),
        (says(200, b'{"access_token":null}'), PartnerUnavailable, "token_unreadable"),
        (says(200, b'{"access_token":"a\\r\\nX-B: c"}'), PartnerUnavailable, "token_unreadable"),
        *(
            (
                says(200, b'{"access_token":"a","expires_in":%s}' % lasts),
                *(PartnerUnavailable, "token_unreadable"),
            )
            for lasts in (b"NaN", b'"soon"', b"-1")
        ),
        (cut, PartnerUnavailable, "token_line_cut"),
    ],
)
async def test_without_a_token_nothing_is_sent_and_few_are_asked(stub, answer, failure, reason):
    stub.answer, clock = answer, MovableClock(NOW)
    adapter = adapter_of(stub.address, authorization=oauth2(stub, clock), clock=clock)
    outcomes = await asyncio.gather(
        *(adapter.deliver([delivery()]) for _ in range(10)), return_exceptions=True
    )
    assert {(type(each), each.reason) for each in outcomes} == {(failure, reason)}
    assert stub.paths() == ["POST /oauth/token"]
    await adapter.close()
