"""SOAP 1.1 as an agency's server sees it: what comes in is checked, what goes out is written."""

# mypy: disable-error-code="import-untyped"
# lxml has no types.

import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

from aiohttp import web
from lxml import etree

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
OURS = "{urn:aiguillage:dossiers:1}"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_XSD = "{http://www.w3.org/2001/XMLSchema}"

Fields = Sequence[tuple[str, object]]
"""Names of elements and what they hold: a text, None for nothing at all, or more of the same."""


class NotAnEnvelope(Exception):
    """Not XML, not SOAP 1.1, or with a document type, which could hold entities."""


class Wsdl:
    """`dossiers.wsdl`: `content` as it is published, and the schema inside."""

    def __init__(self) -> None:
        self.content = resources.files(__package__).joinpath("dossiers.wsdl").read_bytes()
        schema = etree.fromstring(self.content, _parser()).find(f".//{_XSD}schema")
        self._schema = etree.XMLSchema(schema)

    def wrong_in(self, element: Any) -> list[str]:
        """The names of the elements that break the schema; empty when all is well."""
        if self._schema.validate(element):
            return []
        wrong = (re.match(r"Element '\{[^}]*\}(\w+)'", e.message) for e in self._schema.error_log)
        return sorted({name.group(1) if name else "" for name in wrong})


def read_envelope(content: bytes) -> Any:
    """The envelope. Raises NotAnEnvelope."""
    try:
        envelope = etree.fromstring(content, _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotAnEnvelope from error
    if envelope.getroottree().docinfo.doctype or envelope.tag != f"{SOAP}Envelope":
        raise NotAnEnvelope
    return envelope


def body_of(envelope: Any) -> Any:
    """The one element of the body. Raises NotAnEnvelope."""
    body = envelope.find(f"{SOAP}Body")
    if body is None or len(body) != 1:
        raise NotAnEnvelope
    return body[0]


def text_of(element: Any, name: str) -> str | None:
    """The text of one of its elements, None when it is not there."""
    found: str | None = element.findtext(f"{OURS}{name}")
    return found


def replied(operation: str, fields: Fields = ()) -> web.Response:
    """A reply: the fields of `{operation}Reponse`, in their order."""
    reply = etree.Element(f"{OURS}{operation}Reponse", nsmap={None: OURS[1:-1]})
    _fill(reply, fields)
    return _enveloped(reply, status=200)


def faulted(
    code: str,
    message: str,
    *,
    error: str | None = None,
    fields: Sequence[str] = (),
    status: int = 500,
) -> web.Response:
    """A fault: `Client`, `Server`, or `wsse:` and a code of WS-Security; `error` is the WSDL's."""
    prefixed = code if ":" in code else f"soap:{code}"
    fault = etree.Element(f"{SOAP}Fault", nsmap={"soap": SOAP[1:-1], "wsse": _WSSE})
    etree.SubElement(fault, "faultcode").text = prefixed
    etree.SubElement(fault, "faultstring").text = message
    if error is not None:
        detail = etree.SubElement(etree.SubElement(fault, "detail"), f"{OURS}erreur")
        _fill(detail, [("code", error), *(("champ", field) for field in fields)])
    return _enveloped(fault, status=status)


def _fill(element: Any, fields: Fields) -> None:
    for name, value in fields:
        if value is None:
            continue
        child = etree.SubElement(element, f"{OURS}{name}")
        if isinstance(value, str):
            child.text = value
        elif isinstance(value, Sequence):
            _fill(child, value)


def _enveloped(content: Any, *, status: int) -> web.Response:
    envelope = etree.Element(f"{SOAP}Envelope", nsmap={"soap": SOAP[1:-1]})
    etree.SubElement(envelope, f"{SOAP}Body").append(content)
    return web.Response(
        status=status,
        body=etree.tostring(envelope, xml_declaration=True, encoding="UTF-8"),
        content_type="text/xml",
        charset="utf-8",
    )


def _parser() -> Any:
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
    )
