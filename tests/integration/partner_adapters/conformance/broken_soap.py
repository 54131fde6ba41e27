"""SOAP services with one defect each, and the checks that must catch it."""

import re
from typing import Any

from aiohttp import web

from services.partner_simulators import soap_envelope
from services.partner_simulators.soap_envelope import faulted, replied
from services.partner_simulators.username_token import NotAdmitted
from tests.integration.partner_adapters.conformance.broken_http import (
    Defect,
    Serve,
    Spoil,
    agency_of,
    meeting,
    overlapping,
    read_once,
    takes_large,
    with_list,
    without_limit,
)


def admitting(*codes: str) -> Spoil:
    """Lets in what should be turned away for one of these reasons; all of them, without any."""

    def spoil(simulator: Any) -> None:
        tokens = agency_of(simulator)._tokens
        admit = tokens.admit

        def careless(envelope: Any, *, now: Any) -> None:
            try:
                admit(envelope, now=now)
            except NotAdmitted as refusal:
                if codes and refusal.code not in codes:
                    raise

        tokens.admit = careless

    return spoil


def _forgets_nonces(simulator: Any) -> None:
    tokens = agency_of(simulator)._tokens
    admit = tokens.admit

    def forgetful(envelope: Any, *, now: Any) -> None:
        tokens._seen.clear()
        admit(envelope, now=now)

    tokens.admit = forgetful


def _minds_every_second(simulator: Any) -> None:
    tokens = agency_of(simulator)._tokens
    admit = tokens.admit

    def strict(envelope: Any, *, now: Any) -> None:
        created = envelope.findtext(".//{*}Created")
        if abs((now - now.fromisoformat(created)).total_seconds()) > 30:
            raise NotAdmitted("MessageExpired", "trop tard")
        admit(envelope, now=now)

    tokens.admit = strict


async def _crashes(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
    answer = await serve(request)
    is_fault = isinstance(answer, web.Response) and b"Client" in (answer.body or b"")
    return faulted("Server", "erreur interne") if is_fault else answer


def _expands_entities(simulator: Any) -> None:
    """Reads a document type, as most libraries do when nobody tells them."""
    agency = agency_of(simulator)
    serve = agency._serve

    def expanding(content: bytes) -> web.Response:
        if b"<!DOCTYPE" in content:
            found = dict(re.findall(rb'<!ENTITY (\w+) "([^"]*)">', content))
            content = re.sub(rb"<!DOCTYPE.*\]>", b"", content, flags=re.DOTALL)
            content = re.sub(rb"&(\w+);", lambda name: found.get(name[1], b"")[:9], content)
            content = content.replace(b"&", b"")
        return serve(content)

    agency._serve = expanding


def _validates_nothing(simulator: Any) -> None:
    agency = agency_of(simulator)
    agency._wsdl.wrong_in = lambda element: []
    agency._operations[f"{soap_envelope.OURS}deposerDemande"] = lambda element: replied(
        "deposerDemande", [("dossier", "D-1")]
    )


def _guesses_operations(simulator: Any) -> None:
    agency = agency_of(simulator)
    serve = agency._serve
    agency._serve = lambda content: serve(content.replace(b"essayer", b"deposer"))


def _knows(result: str) -> Spoil:
    def spoil(simulator: Any) -> None:
        fields = [("resultat", result)] + ([("dossier", "D-1")] if result == "CONNU" else [])
        operations = agency_of(simulator)._operations
        name = f"{soap_envelope.OURS}consulterDossier"
        operations[name] = lambda element: replied("consulterDossier", fields)

    return spoil


async def _takes_large_message(request: web.BaseRequest, serve: Serve) -> web.StreamResponse:
    if int(request.headers.get("Content-Length", 0)) > 1_000_000:
        await takes_large(request, serve)
        return replied("deposerDemande", [("dossier", "D-1")])
    return await serve(request)


SOAP_DEFECTS = {
    "lets anybody in by SOAP": Defect("cpam", admitting(), {121, 122, 123, 124, 125}),
    "minds no time by SOAP": Defect("cpam", admitting("MessageExpired"), {124, 125}),
    "forgets nonces": Defect("cpam", _forgets_nonces, {123}),
    "minds every second by SOAP": Defect("cpam", _minds_every_second, {126}),
    "crashes on bad XML": Defect(
        "cpam", meeting(_crashes), {16, 127, 128, 129, 130, 131, 132, 133}
    ),
    "expands entities": Defect("cpam", _expands_entities, {128, 129}),
    "validates nothing": Defect("cpam", _validates_nothing, {130, 131, 132}),
    "guesses operations": Defect("cpam", _guesses_operations, {133}),
    "follows no limit by SOAP": Defect("cpam", meeting(_takes_large_message), {134}),
    "always says INCONNU": Defect("cpam", _knows("INCONNU"), {135}),
    "always says CONNU": Defect("cpam", _knows("CONNU"), {135, 136}),
    "keeps no maximum": Defect("cpam", with_list(without_limit), {137}),
    "shows each change once": Defect("cpam", with_list(read_once), {138}),
    "has pages that overlap by SOAP": Defect("cpam", with_list(overlapping), {139}),
}
