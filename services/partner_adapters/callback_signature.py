"""Standard Webhooks, by our own clock: the keys, and whether a callback is the partner's. PURE."""

import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

TOLERANCE = timedelta(minutes=5)
"""How far the partner's clock may be from ours (Standard Webhooks specification)."""


class BadSignature(Exception):
    """A callback that is not to be believed; `str()` is a static word."""


def read_keys(text: str) -> list[Webhook]:
    """The keys of a secret: two, with a space between, while one replaces the other.

    Raises ValueError, which does not quote them.
    """
    try:
        keys = [Webhook(secret) for secret in text.split()]
    except Exception:  # noqa: BLE001 - the library raises several kinds, all mean the same
        keys = []
    if not keys:
        raise ValueError("the secret is not of the form whsec_<base64>")
    return keys


def verify_signature(
    body: bytes, headers: Mapping[str, str], *, keys: Sequence[Webhook], now: datetime
) -> None:
    """Raise `BadSignature` unless one of the signatures is by one of the keys, and fresh.

    The library's own `verify` is not used because it reads the machine's clock.
    """
    message_id = headers.get("webhook-id", "")
    sent, said = headers.get("webhook-timestamp", ""), headers.get("webhook-signature", "")
    if not message_id or not sent or not said:
        raise BadSignature("header_missing")
    if not sent.isascii() or not sent.isdigit() or len(sent) > 11:  # the year 5138
        raise BadSignature("timestamp_unreadable")
    at = datetime.fromtimestamp(int(sent), UTC)
    if abs(now - at) > TOLERANCE:
        raise BadSignature("timestamp_stale")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise BadSignature("not_utf8") from None
    for key in keys:
        expected = key.sign(message_id, at, text).encode()
        for signature in said.split(" "):
            if hmac.compare_digest(expected, signature.encode(errors="replace")):
                return
    raise BadSignature("signature_wrong")
