"""`webhook`: one signed POST to one address, as Standard Webhooks; statuses by signed callback.

What each answer means (`reason` is `http_<status>` unless named):

    2xx                it has it, if there is no body or a JSON object, which may name its
                       reference; otherwise unknown: a gateway's page is no system's answer
    3xx                needs attention: a redirect is never followed
    401 403            needs attention: it does not accept our signature
    404 405 410        needs attention: the address is wrong, or switched off
    400 413 422 …      refused as it stands
    408 425 429 503    unavailable, with its Retry-After
    other 5xx          unknown: it may have failed after it was stored
"""

import json
from collections.abc import Mapping, Sequence

from standardwebhooks import Webhook

from services.partner_adapters.http_meaning import json_object, raise_common
from services.partner_adapters.partner_adapter import (
    Delivery,
    OutcomeUnknown,
    PartnerFailure,
    PartnerNeedsAttention,
    PartnerRefused,
    Receipt,
    What,
)
from services.partner_adapters.partner_http import Answer, PartnerHttp
from services.partner_adapters.partner_reference import is_reference
from shared.plumbing.clock import Clock

TYPES: Mapping[What, str] = {
    "referral": "referral.issued",
    "answer": "referral.answer_given",
    "withdrawal": "referral.recalled",
}
"""What is told → the message's `type`."""

_ADDRESS_WRONG = frozenset({404, 405, 410})


class WebhookAdapter:
    """Posts to the one address of `http`, signed with every key of `keys`.

    Two keys while one replaces the other: the agency accepts a message when either signature
    is by a key it knows. `webhook-id` is the delivery's id, the same at each try.
    """

    def __init__(self, *, http: PartnerHttp, keys: Sequence[Webhook], clock: Clock) -> None:
        self._http = http
        self._keys = keys
        self._clock = clock

    async def deliver(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        """One POST each."""
        return [await self._deliver(delivery) for delivery in deliveries]

    async def close(self) -> None:
        await self._http.close()

    async def _deliver(self, delivery: Delivery) -> Receipt:
        data = {"referral_id": str(delivery.referral_id), **delivery.body}
        text = json.dumps({"type": TYPES[delivery.what], "data": data}, ensure_ascii=False)
        is_referral = delivery.what == "referral"
        message_id = delivery.referral_id if is_referral else delivery.delivery_id
        headers = {**self._signed(str(message_id), text), **delivery.trace}
        answer = await self._http.call("POST", "", content=text.encode(), headers=headers)
        _raise_unless_taken(answer, clock=self._clock)
        return Receipt(partner_reference=_reference(answer), answer=answer.text)

    def _signed(self, message_id: str, text: str) -> dict[str, str]:
        now = self._clock.now()  # signed anew at each try: an old timestamp is refused
        return {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(key.sign(message_id, now, text) for key in self._keys),
        }


def _raise_unless_taken(answer: Answer, *, clock: Clock) -> None:
    if 200 <= answer.status < 300:
        return
    raise_common(answer, clock=clock)
    failure: type[PartnerFailure] = PartnerRefused
    if answer.status >= 500 or answer.status == 409 or answer.status < 200:
        failure = OutcomeUnknown
    elif answer.status in _ADDRESS_WRONG:
        failure = PartnerNeedsAttention
    raise failure(f"http_{answer.status}", answer=answer.text)


def _reference(answer: Answer) -> str | None:
    """The agency's own reference, if it gave one that can be kept: it need not."""
    if not answer.body.strip():
        return None
    reference = json_object(answer).get("reference")
    return reference if is_reference(reference) else None
