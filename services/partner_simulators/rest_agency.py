"""An agency with an HTTP API: what it answers to each request.

POST /referrals                          a new file, or the first answer again
GET  /referrals/{referral_id}            look-up by our reference
POST /referrals/{referral_id}/answers
POST /referrals/{referral_id}/withdrawal
GET  /statuses?after=&limit=             for those who poll
POST /oauth/token                        where the agency wants OAuth2
"""

from typing import Any

from aiohttp import web

from services.partner_simulators.broken_answers import answer_wrongly, meet_fault
from services.partner_simulators.door import answered
from services.partner_simulators.door_keys import ApiKey, OAuth2
from services.partner_simulators.faults import FaultPanel
from services.partner_simulators.office import Clock, File, Office
from services.partner_simulators.referral_form import (
    NotAForm,
    Wrong,
    parse_object,
    wrong_in_answer,
    wrong_in_referral,
    wrong_in_withdrawal,
)
from services.partner_simulators.status_list import StatusList

LARGEST_PAGE = 200


class RestAgency:
    """Answers the requests of one agency's door."""

    def __init__(
        self,
        *,
        office: Office,
        key: ApiKey | OAuth2,
        visitor_fields: frozenset[str],
        statuses: StatusList | None,
        faults: FaultPanel,
        clock: Clock,
    ) -> None:
        """`statuses` is None where the agency calls back instead of being polled."""
        self._office = office
        self._key = key
        self._visitor_fields = visitor_fields
        self._statuses = statuses
        self._faults = faults
        self._clock = clock

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, or fail as the fault panel orders."""
        method, path = request.method, request.path
        if path == "/oauth/token" and isinstance(self._key, OAuth2):
            return await self._token(request, self._key)
        fault = self._faults.take(counts=method == "POST")
        if fault is not None:
            broken = await meet_fault(fault, request)
            if broken is not None:
                return broken
        if not self._key.admits(request.headers, now=self._clock()):
            return answered(401, {"errors": [_wrong("", "authentification requise")]})
        response = await self._serve(request, method, path)
        if fault is not None:
            return await answer_wrongly(fault, request, response)
        return response

    async def _serve(self, request: web.BaseRequest, method: str, path: str) -> web.Response:
        match [method, *path.strip("/").split("/")]:
            case ["POST", "referrals"]:
                return self._receive(request, await request.read())
            case ["GET", "referrals", referral_id]:
                return self._look_up(referral_id)
            case ["POST", "referrals", referral_id, "answers" | "withdrawal" as what]:
                return self._follow_up(referral_id, what, await request.read())
            case ["GET", "statuses"] if self._statuses is not None:
                return _page(self._statuses, request)
            case _:
                return answered(404, {"errors": [_wrong("", "adresse inconnue")]})

    def _receive(self, request: web.BaseRequest, body: bytes) -> web.Response:
        try:
            form = parse_object(body)
        except NotAForm:
            return _not_a_form()
        wrong = wrong_in_referral(
            form, partner_id=self._office.partner_id, visitor_fields=self._visitor_fields
        )
        idempotency_key = request.headers.get("Idempotency-Key")
        if idempotency_key is None:
            return answered(400, {"errors": [_wrong("Idempotency-Key", "en-tête obligatoire")]})
        if idempotency_key != form.get("referral_id"):
            wrong.append(_wrong("Idempotency-Key", "différent de referral_id"))
        if wrong:
            return answered(422, {"errors": wrong})
        reference, is_new = self._office.open_file(idempotency_key, body=body)
        file = self._office.find_file(idempotency_key)
        if file is not None:
            self._office.keep_moving(file)
        return answered(201 if is_new else 200, {"reference": reference})

    def _look_up(self, referral_id: str) -> web.Response:
        file = self._office.find_file(referral_id)
        if file is None:
            return _unknown_referral()
        status = self._office.standing_of(file)
        return answered(200, {"reference": file.reference, "status": status, "at": file.changed_at})

    def _follow_up(self, referral_id: str, what: str, body: bytes) -> web.Response:
        file = self._office.find_file(referral_id)
        if file is None:
            return _unknown_referral()
        try:
            form = parse_object(body)
        except NotAForm:
            return _not_a_form()
        wrong = self._take(file, what, form, body)
        return answered(422, {"errors": wrong}) if wrong else answered(202, {})

    def _take(self, file: File, what: str, form: dict[str, Any], body: bytes) -> list[Wrong]:
        wrong = wrong_in_answer(form) if what == "answers" else wrong_in_withdrawal(form)
        if not wrong and what == "answers":
            self._office.take_answer(file, answer_id=form["answer_id"], body=body)
        elif not wrong:
            self._office.withdraw(file, body=body)
        return wrong

    async def _token(self, request: web.BaseRequest, key: OAuth2) -> web.Response:
        form = await request.post()
        if request.method != "POST" or form.get("grant_type") != "client_credentials":
            return answered(400, {"error": "unsupported_grant_type"})
        answer = key.issue_token(request.headers.get("Authorization", ""), now=self._clock())
        if answer is None:
            return answered(401, {"error": "invalid_client"})
        return answered(200, answer)


def _page(statuses: StatusList, request: web.BaseRequest) -> web.Response:
    try:
        limit = min(max(int(request.query.get("limit", LARGEST_PAGE)), 1), LARGEST_PAGE)
        found, cursor = statuses.read(after=request.query.get("after"), limit=limit)
    except ValueError:
        return answered(400, {"errors": [_wrong("after", "curseur ou limite illisible")]})
    body = b'{"statuses":[%b],"cursor":"%b"}' % (b",".join(found), cursor.encode())
    return web.Response(body=body, content_type="application/json")


def _not_a_form() -> web.Response:
    return answered(400, {"errors": [_wrong("", "objet JSON attendu")]})


def _unknown_referral() -> web.Response:
    return answered(404, {"errors": [_wrong("referral_id", "dossier inconnu")]})


def _wrong(field: str, message: str) -> Wrong:
    return {"field": field, "message": message}
