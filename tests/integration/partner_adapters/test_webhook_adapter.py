"""The `webhook` kind against a real HTTP server: what each of its answers means."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from services.partner_adapters.adapters.webhook import WebhookAdapter
from services.partner_adapters.callback_signature import read_keys, verify_signature
from services.partner_adapters.partner_adapter import (
    Delivery,
    OutcomeUnknown,
    PartnerNeedsAttention,
    PartnerRefused,
    PartnerUnavailable,
)
from services.partner_adapters.partner_credentials import NoAuthorization
from services.partner_adapters.partner_http import PartnerHttp
from services.partner_adapters.partner_network import Reach
from shared.plumbing.clock import MovableClock
from tests.integration.partner_adapters.stub_partner import stub_partner

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
OLD = "whsec_b2xkLWtleS1vZi10aGUtdGVzdHMtMDEyMzQ1Njc4OTA="
NEW = "whsec_bmV3LWtleS1vZi10aGUtdGVzdHMtMDEyMzQ1Njc4OTA="


@pytest.fixture
async def stub():
    async with stub_partner() as stub:
        yield stub


def adapter_of(address, *, keys=OLD, clock=None):
    http = PartnerHttp(
        address=address,
        authorization=NoAuthorization(),
        concurrency=4,
        timeout=5,
        reach=Reach(loopback=True),
    )
    return WebhookAdapter(http=http, keys=read_keys(keys), clock=clock or MovableClock(NOW))


@pytest.fixture
async def adapter(stub):
    adapter = adapter_of(stub.address)
    yield adapter
    await adapter.close()


def referral():
    return Delivery(
        delivery_id=uuid4(),
        case_id=uuid4(),
        referral_id=uuid4(),
        what="referral",
        body={"text": "né à Sète"},
    )


def answering(status, body=b"", **headers):
    async def answer(_):
        return web.Response(status=status, body=body, headers=headers)

    return answer


async def test_it_is_signed_and_says_what_it_is(adapter, stub):
    stub.answer = answering(200, b'{"reference": "ENG-1"}')
    delivery = referral()
    [receipt] = await adapter.deliver([delivery])
    assert receipt.partner_reference == "ENG-1"
    [asked] = stub.asked
    assert asked.headers["webhook-id"] == str(delivery.referral_id)
    verify_signature(asked.body, asked.headers, keys=[Webhook(OLD)], now=NOW)
    message = json.loads(asked.body)
    assert message["type"] == "referral.issued"
    assert message["data"] == {"referral_id": str(delivery.referral_id), "text": "né à Sète"}


async def test_a_repetition_has_the_same_id_and_a_fresh_signature(stub):
    stub.answer = answering(204)
    clock = MovableClock(NOW)
    adapter, delivery = adapter_of(stub.address, clock=clock), referral()
    await adapter.deliver([delivery])
    clock.move(timedelta(hours=5))
    await adapter.deliver([delivery])
    await adapter.close()
    first, second = stub.asked
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    verify_signature(second.body, second.headers, keys=[Webhook(OLD)], now=clock.now())


@pytest.mark.parametrize("known", [OLD, NEW])
async def test_while_the_key_changes_the_agency_may_know_either(stub, known):
    stub.answer = answering(200)
    adapter = adapter_of(stub.address, keys=f"{NEW} {OLD}")
    await adapter.deliver([referral()])
    await adapter.close()
    [asked] = stub.asked
    verify_signature(asked.body, asked.headers, keys=[Webhook(known)], now=NOW)


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"reference": 7}'])
async def test_a_2xx_is_a_yes_with_or_without_a_reference(adapter, stub, body):
    stub.answer = answering(202, body)
    [receipt] = await adapter.deliver([referral()])
    assert receipt.partner_reference is None


@pytest.mark.parametrize("body", [b"<html>Maintenance</html>", b"ok", b'{"a"', b"[1]", b"\xff"])
async def test_a_2xx_that_no_system_of_theirs_wrote_proves_nothing(adapter, stub, body):
    stub.answer = answering(200, body)
    with pytest.raises(OutcomeUnknown) as raised:
        await adapter.deliver([referral()])
    assert raised.value.reason == "unreadable_answer"


@pytest.mark.parametrize(
    ("status", "failure", "reason"),
    [
        (302, PartnerNeedsAttention, "redirect"),
        (401, PartnerNeedsAttention, "unauthorized"),
        (403, PartnerNeedsAttention, "unauthorized"),
        (404, PartnerNeedsAttention, "http_404"),
        (405, PartnerNeedsAttention, "http_405"),
        (410, PartnerNeedsAttention, "http_410"),
        (400, PartnerRefused, "http_400"),
        (413, PartnerRefused, "http_413"),
        (422, PartnerRefused, "http_422"),
        (408, PartnerUnavailable, "http_408"),
        (429, PartnerUnavailable, "http_429"),
        (503, PartnerUnavailable, "http_503"),
        (409, OutcomeUnknown, "http_409"),
        (500, OutcomeUnknown, "http_500"),
    ],
)
async def test_what_each_answer_means(adapter, stub, status, failure, reason):
    stub.answer = answering(status, Location="/elsewhere")
    with pytest.raises(failure) as raised:
        await adapter.deliver([referral()])
    assert raised.value.reason == reason
    assert len(stub.asked) == 1


async def test_retry_after_is_passed_on(adapter, stub):
    stub.answer = answering(429, **{"Retry-After": "120"})
    with pytest.raises(PartnerUnavailable) as raised:
        await adapter.deliver([referral()])
    assert raised.value.retry_after == 120


async def test_nobody_listening_is_certain_and_a_cut_line_is_not(stub):
    nobody = adapter_of("http://127.0.0.1:9")
    with pytest.raises(PartnerUnavailable):
        await nobody.deliver([referral()])
    await nobody.close()

    async def cut(request):
        request.transport.abort()
        return web.Response()

    stub.answer = cut
    adapter = adapter_of(stub.address)
    with pytest.raises(OutcomeUnknown):
        await adapter.deliver([referral()])
    await adapter.close()
