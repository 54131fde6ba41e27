"""The faults that only a SOAP service has, beside those of every HTTP door."""

from collections.abc import Callable

from aiohttp import web

from services.partner_simulators.broken_answers import answer_wrongly, meet_fault
from services.partner_simulators.faults import Fault
from services.partner_simulators.soap_envelope import faulted

_SERVED = "fault_server"
_TEN = 10


async def meet_soap_fault(fault: Fault, request: web.BaseRequest) -> web.StreamResponse | None:
    """The wrong answer given instead of serving; None when the request is served after all."""
    if fault.kind == _SERVED:
        return None
    make = _INSTEAD.get(fault.kind)
    return await meet_fault(fault, request) if make is None else make()


async def answer_soap_wrongly(
    fault: Fault, request: web.BaseRequest, response: web.Response
) -> web.StreamResponse:
    """Spoil an answer whose request was served."""
    if fault.kind == _SERVED:
        return faulted("Server", "erreur interne", error="ERREUR_INTERNE")
    return await answer_wrongly(fault, request, response)


def _with_doctype(declarations: str, text: str) -> web.Response:
    """A reply in which an entity says the file's number."""
    return web.Response(
        text=f'<?xml version="1.0"?><!DOCTYPE r [{declarations}]>'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        '<deposerDemandeReponse xmlns="urn:aiguillage:dossiers:1">'
        f"<dossier>{text}</dossier></deposerDemandeReponse></s:Body></s:Envelope>",
        content_type="text/xml",
    )


def _billion_laughs() -> web.Response:
    grown = "".join('<!ENTITY e{} "{}">'.format(n + 1, f"&e{n};" * _TEN) for n in range(_TEN))
    return _with_doctype(f'<!ENTITY e0 "ha">{grown}', f"&e{_TEN};")


_INSTEAD: dict[str, Callable[[], web.Response]] = {
    "fault_client": lambda: faulted("Client", "contenu refusé", error="DEMANDE_INVALIDE"),
    "fault_unavailable": lambda: faulted("Server", "fermé pour la nuit", error="INDISPONIBLE"),
    "expired_credentials": lambda: faulted("wsse:FailedAuthentication", "mot de passe expiré"),
    "entities": lambda: _with_doctype('<!ENTITY f SYSTEM "file:///etc/passwd">', "&f;"),
    "billion_laughs": _billion_laughs,
}
