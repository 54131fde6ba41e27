"""`rest`: JSON over HTTP, a referral is one POST; statuses by callback or by polling.

What each answer to a delivery means (`reason` is `http_<status>` unless named):

    200 201            it has it, if the body is JSON and names its reference; otherwise unknown
    3xx                needs attention: a redirect is never followed
    401 403            needs attention, after the credentials were renewed once
    404 405 on POST    needs attention: the address is wrong, whatever the referral is
    400 413 422 …      refused as it stands
    408 425 429 503    unavailable, with its Retry-After
    409                unknown: the same referral is being taken at this moment
    other 5xx          unknown: it may have failed after it was stored
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from services.partner_adapters.http_meaning import json_object, raise_common
from services.partner_adapters.partner_adapter import (
    Collected,
    Delivery,
    OutcomeUnknown,
    PartnerFailure,
    PartnerNeedsAttention,
    PartnerRefused,
    PartnerStatus,
    PartnerUnavailable,
    Receipt,
)
from services.partner_adapters.partner_http import LONGEST_ANSWER, LONGEST_LIST, Answer, PartnerHttp
from services.partner_adapters.partner_reference import is_reference
from services.partner_adapters.status_message import StatusMessage
from shared.plumbing.clock import Clock

_PAGE = 200
_LONGEST_CURSOR = 1000


class RestAdapter:
    """Delivers, looks up and collects over one partner's HTTP transport."""

    def __init__(self, *, http: PartnerHttp, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    async def deliver(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        """One POST each."""
        return [await self._deliver(delivery) for delivery in deliveries]

    async def look_up(self, delivery: Delivery) -> Receipt | None:
        """Ask by our reference."""
        answer = await self._ask(f"/referrals/{delivery.referral_id}", trace=delivery.trace)
        if answer.status == 404:
            return None
        return Receipt(partner_reference=_reference(answer), answer=answer.text)

    async def collect(self, cursor: str | None) -> Collected:
        """One page of at most 200 statuses."""
        query = {"limit": str(_PAGE)} | ({"after": cursor} if cursor is not None else {})
        answer = await self._ask("/statuses", query=query, longest=LONGEST_LIST)
        content = json_object(answer)
        entries = content.get("statuses")
        if not isinstance(entries, list):
            raise OutcomeUnknown("unreadable_answer", answer=answer.text)
        statuses: list[PartnerStatus] = []
        unreadable: list[str] = []
        for entry in entries:
            try:
                statuses.append(StatusMessage.model_validate(entry).as_status())
            except ValidationError:
                unreadable.append(json.dumps(entry))
        following = _cursor(content, answer=answer)
        return Collected(
            statuses=statuses,
            cursor=cursor if following is None else following,
            unreadable=unreadable,
        )

    async def close(self) -> None:
        await self._http.close()

    async def _deliver(self, delivery: Delivery) -> Receipt:
        answer = await self._http.call(
            "POST",
            _path_of(delivery),
            json=delivery.body,
            headers={"Idempotency-Key": _key_of(delivery), **delivery.trace},
        )
        if delivery.what == "withdrawal" and answer.status == 404:
            # It never had the referral, or forgot it: nothing is left to withdraw.
            return Receipt(answer=answer.text)
        _raise_unless_taken(answer, delivery, clock=self._clock)
        if delivery.what == "referral":
            return Receipt(partner_reference=_reference(answer), answer=answer.text)
        if answer.body.strip():
            json_object(answer)
        return Receipt(answer=answer.text)

    async def _ask(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        trace: Mapping[str, str] | None = None,
        longest: int = LONGEST_ANSWER,
    ) -> Answer:
        answer = await self._http.call("GET", path, query=query, headers=trace, longest=longest)
        if answer.status == 200 or (answer.status == 404 and query is None):
            return answer
        raise_common(answer, clock=self._clock)
        raise PartnerUnavailable(f"http_{answer.status}", answer=answer.text)


def _path_of(delivery: Delivery) -> str:
    if delivery.what == "referral":
        return "/referrals"
    below = "answers" if delivery.what == "answer" else "withdrawal"
    return f"/referrals/{delivery.referral_id}/{below}"


def _key_of(delivery: Delivery) -> str:
    return str(delivery.referral_id if delivery.what == "referral" else delivery.delivery_id)


def _raise_unless_taken(answer: Answer, delivery: Delivery, *, clock: Clock) -> None:
    if 200 <= answer.status < 300:
        return
    raise_common(answer, clock=clock)
    reason = f"http_{answer.status}"
    failure: type[PartnerFailure] = PartnerRefused
    if answer.status == 409 or answer.status >= 500 or answer.status < 200:
        failure = OutcomeUnknown
    elif answer.status in {404, 405} and delivery.what == "referral":
        failure = PartnerNeedsAttention
    raise failure(reason, answer=answer.text)


def _reference(answer: Answer) -> str:
    reference = json_object(answer).get("reference")
    if not is_reference(reference):
        raise OutcomeUnknown("answer_without_reference", answer=answer.text)
    return reference


def _cursor(page: Mapping[str, Any], *, answer: Answer) -> str | None:
    """Where to go on; it is stored and sent back as it is, so it must be fit for that."""
    following = page.get("cursor")
    if isinstance(following, int) and not isinstance(following, bool):
        following = str(following)
    if following is None:
        return None
    if (
        not isinstance(following, str)
        or len(following) > _LONGEST_CURSOR
        or not following.isprintable()
    ):
        raise OutcomeUnknown("unreadable_answer", answer=answer.text)
    return following
