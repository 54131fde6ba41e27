"""What agencies write on their reply topics."""

import asyncio
import json
from uuid import uuid4

import pytest

from services.partner_adapters.consumers import decode_reply, keep_hearing
from shared.contracts.cloudevents import MalformedEvent
from shared.plumbing.kafka import ConsumptionStalled
from shared.plumbing.kafka_messages import RawMessage


def raw(value, *, key=None):
    return RawMessage(
        topic="partner-replies-casvp", partition=0, offset=1, key=key, headers={}, value=value
    )


def reply(**changed):
    said = {
        "id": "evt-1",
        "referral_id": str(uuid4()),
        "status": "accuse",
        "at": "2026-11-23T10:00:00Z",
    } | changed
    return raw(json.dumps(said).encode(), key=said["referral_id"].encode())


def test_the_same_status_has_the_same_id_and_another_agencys_another():
    first = decode_reply(reply(), partner_id="casvp")
    assert first.id == decode_reply(reply(), partner_id="casvp").id
    assert first.id != decode_reply(reply(), partner_id="ccas").id
    assert first.status.word == "accuse"


@pytest.mark.parametrize(
    "message",
    [
        raw(b""),
        raw(b"\xff\x00"),
        raw(b"[]"),
        reply(status=""),
        reply(status="x" * 101),
        reply(at="2026-11-23T10:00:00"),
        reply(message="x" * 20_001),
        reply(id="a\x00b"),
    ],
)
def test_what_does_not_parse_is_said_without_its_content(message):
    with pytest.raises(MalformedEvent) as raised:
        decode_reply(message, partner_id="casvp")
    assert "xxx" not in str(raised.value)


def test_a_reply_under_another_key_is_refused():
    with pytest.raises(MalformedEvent, match="key"):
        decode_reply(raw(reply().value, key=b"other"), partner_id="casvp")


async def test_a_stalled_subscription_is_made_anew():
    made = []

    class Subscription:
        async def run(self):
            if len(made) < 3:
                raise ConsumptionStalled
            await asyncio.Event().wait()

    def subscribe():
        made.append(1)
        return Subscription()

    hearing = asyncio.create_task(keep_hearing(subscribe))
    async with asyncio.timeout(10):
        while len(made) < 3:
            await asyncio.sleep(0)
    assert not hearing.done()
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
