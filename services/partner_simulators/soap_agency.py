"""An agency with a SOAP service: the operations of `dossiers.wsdl`, which `?wsdl` shows.

Its faults: Client for what is no SOAP, breaks the schema or speaks of an unknown file, and one
of WS-Security when the UsernameToken does not hold. A second `deposerDemande` of the same
referral opens a second file, as many a real one does: ask with `consulterDossier` first.
"""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from services.partner_simulators.door import answered
from services.partner_simulators.faults import FaultPanel
from services.partner_simulators.office import Clock, File, Office, StatusMessage
from services.partner_simulators.referral_form import wrong_in_referral
from services.partner_simulators.soap_envelope import (
    OURS,
    Fields,
    NotAnEnvelope,
    Wsdl,
    body_of,
    faulted,
    read_envelope,
    replied,
    text_of,
)
from services.partner_simulators.soap_faults import answer_soap_wrongly, meet_soap_fault
from services.partner_simulators.soap_form import answer_form, referral_form, withdrawal_form
from services.partner_simulators.status_list import StatusList
from services.partner_simulators.username_token import NotAdmitted, UsernameTokens

_HANDED_IN = ("deposerDemande", "repondreDemande", "retirerDemande")


class SoapAgency:
    """Answers the one address of an agency."""

    def __init__(
        self,
        *,
        office: Office,
        tokens: UsernameTokens,
        visitor_fields: frozenset[str],
        statuses: StatusList,
        faults: FaultPanel,
        clock: Clock,
    ) -> None:
        self._office = office
        self._tokens = tokens
        self._visitor_fields = visitor_fields
        self._statuses = statuses
        self._faults = faults
        self._clock = clock
        self._wsdl = Wsdl()
        self._operations: dict[str, Callable[[Any], web.Response]] = {
            f"{OURS}deposerDemande": self._open,
            f"{OURS}repondreDemande": self._take_answer,
            f"{OURS}retirerDemande": self._withdraw,
            f"{OURS}consulterDossier": self._consult,
            f"{OURS}listerChangements": self._list_changes,
        }

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, or fail as the fault panel orders."""
        if request.method == "GET" and "wsdl" in request.query:
            return web.Response(body=self._wsdl.content, content_type="text/xml", charset="utf-8")
        if request.method != "POST" or request.path != "/":
            return answered(404, {})
        action = request.headers.get("SOAPAction", "").strip('"')
        fault = self._faults.take(counts=action.endswith(_HANDED_IN))
        if fault is not None:
            broken = await meet_soap_fault(fault, request)
            if broken is not None:
                return broken
        response = self._serve(await request.read())
        return response if fault is None else await answer_soap_wrongly(fault, request, response)

    def _serve(self, content: bytes) -> web.Response:
        try:
            envelope = read_envelope(content)
            element = body_of(envelope)
            self._tokens.admit(envelope, now=self._clock())
        except NotAnEnvelope:
            return faulted("Client", "enveloppe SOAP 1.1 attendue", error="DEMANDE_INVALIDE")
        except NotAdmitted as refusal:
            return faulted(f"wsse:{refusal.code}", refusal.message)
        operation = self._operations.get(element.tag)
        if operation is None:
            return faulted("Client", "opération inconnue", error="DEMANDE_INVALIDE")
        wrong = self._wsdl.wrong_in(element)
        return _invalid(wrong) if wrong else operation(element)

    def _open(self, element: Any) -> web.Response:
        form = referral_form(element, partner_id=self._office.partner_id)
        wrong = wrong_in_referral(
            form, partner_id=self._office.partner_id, visitor_fields=self._visitor_fields
        )
        if wrong:
            return _invalid([each["field"] for each in wrong])
        reference, _ = self._office.open_file(form["referral_id"], body=_kept(form))
        if (file := self._office.find_file(form["referral_id"])) is not None:
            self._office.keep_moving(file)
        return replied("deposerDemande", [("dossier", reference)])

    def _take_answer(self, element: Any) -> web.Response:
        file, form = self._find(element), answer_form(element)
        if file is None:
            return _unknown_file()
        self._office.take_answer(file, answer_id=form["answer_id"], body=_kept(form))
        return replied("repondreDemande")

    def _withdraw(self, element: Any) -> web.Response:
        file, form = self._find(element), withdrawal_form(element)
        if file is None:
            return _unknown_file()
        self._office.withdraw(file, body=_kept(form))
        return replied("retirerDemande")

    def _consult(self, element: Any) -> web.Response:
        file = self._find(element)
        if file is None:
            return replied("consulterDossier", [("resultat", "INCONNU")])
        return replied(
            "consulterDossier",
            [
                ("resultat", "CONNU"),
                ("dossier", file.reference),
                ("etat", self._office.standing_of(file)),
                ("depuis", file.changed_at),
            ],
        )

    def _list_changes(self, element: Any) -> web.Response:
        try:
            found, cursor = self._statuses.read(
                after=text_of(element, "curseur"), limit=int(text_of(element, "maximum") or 1)
            )
        except ValueError:
            return _invalid(["curseur"])
        changes = [("changement", _change(json.loads(each))) for each in found]
        return replied("listerChangements", [*changes, ("curseur", cursor)])

    def _find(self, element: Any) -> File | None:
        return self._office.find_file(text_of(element, "orientation") or "")


def _change(status: StatusMessage) -> Fields:
    return [
        ("identifiant", status["id"]),
        ("orientation", status["referral_id"]),
        ("etat", status["status"]),
        ("le", status["at"]),
        ("motif", status["reason"]),
        ("message", status["message"]),
    ]


def _kept(form: dict[str, Any]) -> bytes:
    return json.dumps(form, ensure_ascii=False).encode()


def _invalid(fields: list[str]) -> web.Response:
    return faulted("Client", "demande invalide", error="DEMANDE_INVALIDE", fields=fields)


def _unknown_file() -> web.Response:
    return faulted("Client", "dossier inconnu", error="DOSSIER_INCONNU")
