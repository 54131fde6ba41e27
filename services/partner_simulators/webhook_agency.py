"""An agency with one address, to which signed messages are posted (Standard Webhooks).

Its answers: 401 when no signature is by a key it knows or the timestamp is stale, 400 for what
is not JSON, 422 for a wrong form or an answer about a referral it never had, otherwise
200 with its reference, the same when the message comes again.
"""

import json
from datetime import timedelta
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from services.partner_simulators.broken_answers import answer_wrongly, meet_fault
from services.partner_simulators.door import answered
from services.partner_simulators.faults import FaultPanel
from services.partner_simulators.office import Clock, Office
from services.partner_simulators.referral_form import (
    NotAForm,
    Wrong,
    parse_object,
    wrong_in_answer,
    wrong_in_referral,
    wrong_in_withdrawal,
)

TOLERANCE = timedelta(minutes=5)


class WebhookAgency:
    """Answers the one address of an agency; `secret` is the `whsec_…` it was given."""

    def __init__(
        self,
        *,
        office: Office,
        secret: str,
        visitor_fields: frozenset[str],
        faults: FaultPanel,
        clock: Clock,
    ) -> None:
        self._office = office
        self._key = Webhook(secret)
        self._visitor_fields = visitor_fields
        self._faults = faults
        self._clock = clock

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, or fail as the fault panel orders."""
        if request.method != "POST" or request.path != "/":
            return answered(404, _errors("", "adresse inconnue"))
        fault = self._faults.take(counts=True)
        if fault is not None:
            broken = await meet_fault(fault, request)
            if broken is not None:
                return broken
        body = await request.read()
        if not self._is_ours(request, body):
            return answered(401, _errors("webhook-signature", "signature inconnue ou périmée"))
        response = self._take(body)
        return response if fault is None else await answer_wrongly(fault, request, response)

    def _is_ours(self, request: web.BaseRequest, body: bytes) -> bool:
        sent = request.headers.get("webhook-timestamp", "")
        if not sent.isdigit() or abs(self._clock().timestamp() - int(sent)) > TOLERANCE.seconds:
            return False
        try:
            self._key.verify(body, dict(request.headers), json_parse=False)
        except (WebhookVerificationError, UnicodeDecodeError):
            return False
        return True

    def _take(self, body: bytes) -> web.Response:
        try:
            message = parse_object(body)
        except NotAForm:
            return answered(400, _errors("", "objet JSON attendu"))
        data = message.get("data")
        if not isinstance(data, dict):
            return answered(422, _errors("data", "objet attendu"))
        body = json.dumps(data).encode()  # a ledger holds the same of every kind
        match message.get("type"):
            case "referral.issued":
                return self._open(data, body)
            case "referral.answer_given" | "referral.recalled" as what:
                return self._follow_up(what, data, body)
            case _:
                return answered(422, _errors("type", "type inconnu"))

    def _open(self, data: dict[str, Any], body: bytes) -> web.Response:
        wrong = wrong_in_referral(
            data, partner_id=self._office.partner_id, visitor_fields=self._visitor_fields
        )
        if wrong:
            return answered(422, {"errors": wrong})
        reference, _ = self._office.open_file(data["referral_id"], body=body)
        if (file := self._office.find_file(data["referral_id"])) is not None:
            self._office.keep_moving(file)
        return answered(200, {"reference": reference})

    def _follow_up(self, what: str, data: dict[str, Any], body: bytes) -> web.Response:
        file = self._office.find_file(str(data.pop("referral_id", "")))
        if file is None:
            if what == "referral.recalled":
                return answered(200, {})  # what was never filed need not be withdrawn
            return answered(422, _errors("referral_id", "dossier inconnu"))
        is_answer = what == "referral.answer_given"
        wrong: list[Wrong] = wrong_in_answer(data) if is_answer else wrong_in_withdrawal(data)
        if wrong:
            return answered(422, {"errors": wrong})
        if is_answer:
            self._office.take_answer(file, answer_id=data["answer_id"], body=body)
        else:
            self._office.withdraw(file, body=body)
        return answered(200, {"reference": file.reference})


def _errors(field: str, message: str) -> dict[str, list[Wrong]]:
    return {"errors": [{"field": field, "message": message}]}
