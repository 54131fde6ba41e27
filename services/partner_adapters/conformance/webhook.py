"""81–100, `webhook`: only what is rightly and freshly signed is taken, by either of two keys."""

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from standardwebhooks import Webhook

from services.partner_adapters.adapters.webhook import TYPES
from services.partner_adapters.callback_signature import read_keys
from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.check import check, kinds
from services.partner_adapters.conformance.http_input import (
    must_be_refused,
    must_be_turned_away,
    shown,
)
from services.partner_adapters.conformance.verdict import Failed
from services.partner_adapters.partner_adapter import Delivery
from services.partner_adapters.partner_environment import ConnectedPartner
from services.partner_adapters.partner_file import SigningKeys
from services.partner_adapters.partner_http import Answer, PartnerHttp
from services.partner_adapters.registry import http_of
from shared.plumbing.clock import Clock

MESSAGES = "webhook.md#les-trois-messages--the-three-messages"
SIGNATURE = "webhook.md#vérifier-notre-signature--checking-our-signature"
ANSWER = "webhook.md#ce-que-vous-répondez--what-you-answer"
TOO_OLD = timedelta(minutes=6)
"""A minute over what is allowed."""
only_webhook = kinds("webhook")

Headers = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class WebhookProbe:
    """The one address beneath the adapter, and our keys."""

    http: PartnerHttp
    keys: Sequence[Webhook]
    clock: Clock

    def written(self, delivery: Delivery) -> bytes:
        message = {"type": TYPES[delivery.what], "data": delivery.body}
        return json.dumps(message, ensure_ascii=False).encode()

    def signed(
        self,
        content: bytes,
        *,
        message_id: str,
        late: timedelta = timedelta(0),
        keys: Sequence[Webhook] | None = None,
    ) -> Headers:
        """The three headers, as if made `late` ago."""
        at, text = self.clock.now() - late, content.decode()
        return {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(
                key.sign(message_id, at, text) for key in keys or self.keys
            ),
        }

    async def send(self, content: bytes, headers: Headers) -> Answer:
        return await self.http.call("POST", "", content=content, headers=headers)

    async def post(self, content: bytes, *, referral_id: UUID, as_us: bool = True) -> Answer:
        keys = self.keys if as_us else [invented_key()]
        headers = self.signed(content, message_id=str(referral_id), keys=keys)
        return await self.send(content, headers)

    async def post_unsigned(self, content: bytes, *, referral_id: UUID) -> Answer:  # noqa: ARG002
        return await self.send(content, {"Content-Type": "application/json"})

    async def close(self) -> None:
        await self.http.close()


def webhook_probe(partner: ConnectedPartner, clock: Clock) -> WebhookProbe:
    """Opens nothing yet."""
    credentials = partner.file.credentials
    if not isinstance(credentials, SigningKeys):
        raise TypeError(f"{partner.file.id}: its file names no signing_keys")
    keys = read_keys(partner.secret(credentials.signing_keys))
    return WebhookProbe(http=http_of(partner), keys=keys, clock=clock)


def invented_key() -> Webhook:
    """A key that nobody was given."""
    return Webhook("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())


@check(
    81,
    "Either of two signatures is enough",
    only_webhook,
    expected="it is taken: while keys change, one signature is by a key it does not know",
    passage=SIGNATURE,
)
async def either_key(bench: Bench) -> None:
    probe = _probe(bench)
    for keys in ([invented_key(), *probe.keys], [*probe.keys, invented_key()]):
        delivery = bench.referral()
        content, message_id = probe.written(delivery), str(delivery.referral_id)
        _must_be_taken(
            await probe.send(content, probe.signed(content, message_id=message_id, keys=keys))
        )


@check(
    82,
    "A signature of another body is wrong",
    only_webhook,
    expected="401 or 403",
    passage=SIGNATURE,
)
async def other_body(bench: Bench) -> None:
    probe, delivery = _probe(bench), bench.referral()
    content = probe.written(delivery)
    headers = probe.signed(content, message_id=str(delivery.referral_id))
    must_be_turned_away(await probe.send(content.replace(b"false", b"true"), headers))


@check(
    83,
    "A signature of another webhook-id is wrong",
    only_webhook,
    expected="401 or 403",
    passage=SIGNATURE,
)
async def other_id(bench: Bench) -> None:
    await _turned_away_with(bench, {"webhook-id": str(uuid4())})


@check(
    84,
    "A signature of another timestamp is wrong",
    only_webhook,
    expected="401 or 403",
    passage=SIGNATURE,
)
async def other_timestamp(bench: Bench) -> None:
    now = int(bench.clock.now().timestamp())
    await _turned_away_with(bench, {"webhook-timestamp": str(now - 20)})


@check(
    85,
    "A stale timestamp is refused",
    only_webhook,
    expected="401 or 403, for a right signature made six minutes ago",
    passage=MESSAGES,
)
async def stale(bench: Bench) -> None:
    must_be_turned_away(await _sent_late(bench, TOO_OLD))


@check(
    86,
    "A timestamp of the future is refused",
    only_webhook,
    expected="401 or 403, for a right signature dated in six minutes",
    passage=MESSAGES,
)
async def future(bench: Bench) -> None:
    must_be_turned_away(await _sent_late(bench, -TOO_OLD))


@check(
    87,
    "Clocks may differ by four minutes",
    only_webhook,
    expected="it is taken: only more than five minutes are too many",
    passage=MESSAGES,
)
async def clocks_apart(bench: Bench) -> None:
    for late in (timedelta(minutes=4), timedelta(minutes=-4)):
        _must_be_taken(await _sent_late(bench, late))


@check(
    88,
    "A missing header is refused",
    only_webhook,
    expected="400, 401 or 403 when one of the three is not there",
    passage=SIGNATURE,
)
async def missing_header(bench: Bench) -> None:
    probe, delivery = _probe(bench), bench.referral()
    content = probe.written(delivery)
    for missing in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        headers = probe.signed(content, message_id=str(delivery.referral_id))
        del headers[missing]
        answer = await probe.send(content, headers)
        if answer.status not in {400, 401, 403}:
            raise Failed(f"{shown(answer)} without {missing}")


@check(
    89,
    "The same webhook-id, signed anew, is known again",
    only_webhook,
    expected="it is taken each time, under the same reference if there is one",
    passage=MESSAGES,
)
async def signed_anew(bench: Bench) -> None:
    probe, delivery = _probe(bench), bench.referral()
    content, message_id = probe.written(delivery), str(delivery.referral_id)
    answers = []
    for late in (timedelta(minutes=2), timedelta(minutes=1), timedelta(0)):
        headers = probe.signed(content, message_id=message_id, late=late)
        answers.append(await probe.send(content, headers))
        _must_be_taken(answers[-1])
    if len({answer.text for answer in answers}) > 1:
        raise Failed(" then ".join(shown(answer) for answer in answers))


@check(
    90,
    "A type it does not know is refused",
    only_webhook,
    expected="a 4xx: what is not understood must not look taken",
    passage=ANSWER,
)
async def unknown_type(bench: Bench) -> None:
    probe, delivery = _probe(bench), bench.referral()
    content = probe.written(delivery).replace(b"referral.issued", b"referral.essai")
    answer = await probe.post(content, referral_id=delivery.referral_id)
    must_be_refused(answer, "a type that does not exist")


CHECKS = (
    either_key,
    other_body,
    other_id,
    other_timestamp,
    stale,
    future,
    clocks_apart,
    missing_header,
    signed_anew,
    unknown_type,
)


def _probe(bench: Bench) -> WebhookProbe:
    return bench.probe_as(WebhookProbe)


def _must_be_taken(answer: Answer) -> None:
    if not 200 <= answer.status < 300:
        raise Failed(shown(answer))


async def _turned_away_with(bench: Bench, changed: Headers) -> None:
    probe, delivery = _probe(bench), bench.referral()
    content = probe.written(delivery)
    headers = probe.signed(content, message_id=str(delivery.referral_id))
    must_be_turned_away(await probe.send(content, {**headers, **changed}))


async def _sent_late(bench: Bench, late: timedelta) -> Answer:
    probe, delivery = _probe(bench), bench.referral()
    content = probe.written(delivery)
    headers = probe.signed(content, message_id=str(delivery.referral_id), late=late)
    return await probe.send(content, headers)
