"""`soap`: one call of an operation of `dossiers.wsdl`; statuses by polling.

What each answer to a delivery means:

    a reply of the WSDL          it has it; to a referral only if it names its file, else unknown
    fault Client, Sender         refused as it stands
      … DOSSIER_INCONNU          to a withdrawal: done, nothing is left to withdraw
    fault of WS-Security         needs attention: our name, password or clock is not accepted
    fault VersionMismatch,
      MustUnderstand             needs attention: it speaks another SOAP
    a fault with INDISPONIBLE    unavailable: it says itself that it took nothing
    fault Server, any other      unknown: it may have failed after it was stored
    HTTP without any of these    3xx 401 403 404 405 410 415 need attention; 408 425 429 503
                                 unavailable; other 4xx refused; all else unknown

An answer with a document type or an entity is not read at all: it is like any other nonsense.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from services.partner_adapters.http_meaning import raise_common
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
from services.partner_adapters.soap.fields import OPERATIONS, fields_of
from services.partner_adapters.soap.messages import MOST_CHANGES, Fault, Messages, Unreadable
from services.partner_adapters.status_message import StatusMessage
from shared.plumbing.clock import Clock

_REFUSING = frozenset({"Client", "Sender"})
ABOUT_US = frozenset(
    {
        "FailedAuthentication", "FailedCheck", "InvalidSecurity", "InvalidSecurityToken",
        "MessageExpired", "SecurityTokenUnavailable", "UnsupportedAlgorithm",
        "UnsupportedSecurityToken",
    }
)  # fmt: skip
OF_ANOTHER_SOAP = frozenset({"VersionMismatch", "MustUnderstand"})
_ADDRESS_WRONG = frozenset({404, 405, 410, 415})
_LONGEST_CURSOR = 1000


class SoapAdapter:
    """Calls the one address of `http` with what `messages` writes."""

    def __init__(self, *, http: PartnerHttp, messages: Messages, clock: Clock) -> None:
        self._http = http
        self._messages = messages
        self._clock = clock

    async def deliver(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        """One call each."""
        return [await self._deliver(delivery) for delivery in deliveries]

    async def look_up(self, delivery: Delivery) -> Receipt | None:
        """`consulterDossier` by our reference."""
        asked = {"orientation": str(delivery.referral_id)}
        answer = await self._call("consulterDossier", asked, trace=delivery.trace)
        try:
            reply = self._read("consulterDossier", answer)
        except PartnerRefused as error:
            # What it will not tell now is not what was delivered.
            raise PartnerUnavailable(error.reason, answer=error.answer) from error
        if reply.get("resultat") == "INCONNU":
            return None
        if reply.get("resultat") != "CONNU":
            raise OutcomeUnknown("unreadable_answer", answer=answer.text)
        return Receipt(partner_reference=_reference(reply, answer), answer=answer.text)

    async def collect(self, cursor: str | None) -> Collected:
        """One page of at most 200 statuses."""
        asked = {"maximum": MOST_CHANGES} | ({} if cursor is None else {"curseur": cursor})
        answer = await self._call("listerChangements", asked, longest=LONGEST_LIST)
        _raise_unless_readable(answer, clock=self._clock)
        try:
            # In a thread: megabytes of XML would keep everybody else waiting.
            changes = await asyncio.to_thread(self._messages.read_changes, answer.body)
        except (Fault, Unreadable) as error:
            raise _failure(error, answer) from error
        statuses: list[PartnerStatus] = []
        unreadable = list(changes.unreadable)
        for entry in changes.entries:
            try:
                statuses.append(_status(entry))
            except ValidationError:
                unreadable.append(json.dumps(entry, default=str))
        following = changes.cursor
        if not following or len(following) > _LONGEST_CURSOR or not following.isprintable():
            raise OutcomeUnknown("unreadable_answer", answer=answer.text)
        return Collected(statuses=statuses, cursor=following, unreadable=unreadable)

    async def close(self) -> None:
        await self._http.close()

    async def _deliver(self, delivery: Delivery) -> Receipt:
        operation = OPERATIONS[delivery.what]
        answer = await self._call(operation, fields_of(delivery), trace=delivery.trace)
        try:
            reply = self._read(operation, answer)
        except PartnerRefused as error:
            if delivery.what == "withdrawal" and error.reason == "fault_dossier_inconnu":
                return Receipt(answer=answer.text)
            raise
        if delivery.what == "referral":
            return Receipt(partner_reference=_reference(reply, answer), answer=answer.text)
        return Receipt(answer=answer.text)

    async def _call(
        self,
        operation: str,
        fields: Mapping[str, Any],
        *,
        trace: Mapping[str, str] | None = None,
        longest: int = LONGEST_ANSWER,
    ) -> Answer:
        message = self._messages.write(operation, fields)
        headers = {**(trace or {}), **message.headers}
        return await self._http.call(
            "POST", "", content=message.content, headers=headers, longest=longest
        )

    def _read(self, operation: str, answer: Answer) -> Mapping[str, Any]:
        """What it replied; raises a `PartnerFailure` for everything else."""
        _raise_unless_readable(answer, clock=self._clock)
        try:
            reply = self._messages.read(operation, answer.body)
            if not 200 <= answer.status < 300:
                raise Unreadable
        except (Fault, Unreadable) as error:
            raise _failure(error, answer) from error
        return reply


def _raise_unless_readable(answer: Answer, *, clock: Clock) -> None:
    raise_common(answer, clock=clock)
    if not answer.whole:
        raise OutcomeUnknown("answer_too_long", answer=answer.text)


def _failure(error: Fault | Unreadable, answer: Answer) -> PartnerFailure:
    if isinstance(error, Fault):
        return _failure_of_fault(error, answer)
    failure: type[PartnerFailure] = OutcomeUnknown
    if answer.status in _ADDRESS_WRONG:
        failure = PartnerNeedsAttention
    elif 400 <= answer.status < 500 and answer.status != 409:
        failure = PartnerRefused
    is_ok = 200 <= answer.status < 300
    return failure("unreadable_answer" if is_ok else f"http_{answer.status}", answer=answer.text)


def _failure_of_fault(fault: Fault, answer: Answer) -> PartnerFailure:
    """The table above; the agency's own words are no reasons, because reasons are logged."""
    if fault.error == "INDISPONIBLE":
        return PartnerUnavailable("fault_indisponible", answer=answer.text)
    if fault.code in ABOUT_US:
        return PartnerNeedsAttention("unauthorized", answer=answer.text)
    if fault.code in OF_ANOTHER_SOAP:
        return PartnerNeedsAttention("fault_another_soap", answer=answer.text)
    if fault.code not in _REFUSING:
        return OutcomeUnknown("fault_server", answer=answer.text)
    unknown_file = fault.error == "DOSSIER_INCONNU"
    reason = "fault_dossier_inconnu" if unknown_file else "fault_client"
    return PartnerRefused(reason, answer=answer.text)


def _status(entry: Mapping[str, Any]) -> PartnerStatus:
    """Raises pydantic's `ValidationError`."""
    return StatusMessage.model_validate(
        {
            "id": entry.get("identifiant"),
            "referral_id": entry.get("orientation"),
            "status": entry.get("etat"),
            "at": entry.get("le"),
            "reason": entry.get("motif"),
            "message": entry.get("message"),
        }
    ).as_status()


def _reference(reply: Mapping[str, Any], answer: Answer) -> str:
    reference: str = reply.get("dossier") or ""
    if not is_reference(reference):
        raise OutcomeUnknown("answer_without_reference", answer=answer.text)
    return reference
