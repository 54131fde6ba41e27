"""Whether a callback is the partner's."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from services.partner_adapters.callback_signature import BadSignature, read_keys, verify_signature

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
KEY, OTHER = (f"whsec_{base64.b64encode(bytes([n]) * 24).decode()}" for n in (1, 2))
BODY = b'{"status":"re\xc3\xa7u"}'


def signed(*, key=KEY, at=NOW, body=BODY, **changed):
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(key).sign("msg_1", at, body.decode()),
    }
    return headers | {name.replace("_", "-"): value for name, value in changed.items()}


def verify(headers, *, secrets=(KEY,), body=BODY, now=NOW):
    verify_signature(body, headers, keys=read_keys(" ".join(secrets)), now=now)


def test_the_partners_signature_is_believed():
    verify(signed())


def test_either_key_is_believed_while_one_replaces_the_other():
    verify(signed(key=OTHER), secrets=[KEY, OTHER])
    both = signed(webhook_signature=f"v1,AAAA {signed()['webhook-signature']}")
    verify(both)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "header_missing"),
        (signed(key=OTHER), "signature_wrong"),
        (signed(at=NOW - timedelta(minutes=5, seconds=1)), "timestamp_stale"),
        (signed(at=NOW + timedelta(minutes=5, seconds=1)), "timestamp_stale"),
        (signed(webhook_timestamp="tomorrow"), "timestamp_unreadable"),
        (signed(webhook_timestamp="²³"), "timestamp_unreadable"),
        (signed(webhook_timestamp="9" * 12), "timestamp_unreadable"),  # the year 33658
        (signed(webhook_timestamp="9" * 11), "timestamp_stale"),
        (signed(webhook_id="msg_2"), "signature_wrong"),
        (signed(webhook_signature="v1,é"), "signature_wrong"),
        (signed(webhook_signature="nonsense"), "signature_wrong"),
    ],
)
def test_anything_else_is_not(headers, reason):
    with pytest.raises(BadSignature, match=reason):
        verify(headers)


def test_another_body_is_not_believed():
    with pytest.raises(BadSignature, match="signature_wrong"):
        verify(signed(), body=b"{}")
    with pytest.raises(BadSignature, match="not_utf8"):
        verify(signed(), body=b"\xff")


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_é", "   "])
def test_a_secret_that_is_no_key_is_refused_without_quoting_it(text):
    with pytest.raises(ValueError, match="form whsec_"):
        read_keys(text)
