"""SOAP messages of `dossiers.wsdl`, written and read with zeep, which reaches no network.

Importing this imports zeep (12 MB, 0.2 s): only who has a partner of this kind does.
"""

# mypy: disable-error-code="import-untyped, no-untyped-call"
# zeep has few types, lxml none.

import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, NoReturn

from lxml import etree
from zeep import Client, Settings
from zeep.exceptions import Error
from zeep.helpers import serialize_object
from zeep.loader import parse_xml
from zeep.wsse.username import UsernameToken

from shared.plumbing.clock import Clock

_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_OURS = "{urn:aiguillage:dossiers:1}"
_SETTINGS = Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)
"""No document type, so no entity to expand and nothing to fetch; libxml2's own limits stay."""
MOST_CHANGES = 200
"""In one page: each costs a fraction of a millisecond, and an agency may be hostile."""
_NONSENSE = (Error, etree.LxmlError, ValueError, TypeError, LookupError, AttributeError)
"""What zeep raises when it meets elements that it does not expect."""


class Unreadable(Exception):
    """Not an answer to what was asked: no XML, a forbidden part, or another message."""


class Fault(Exception):
    """The agency answered with a fault.

    `code` is `Client`, `Server`, `FailedAuthentication`…, without prefix and refinement; `error`
    is the WSDL's own code in the detail, `DOSSIER_INCONNU` for example, or empty.
    """

    def __init__(self, *, code: str, error: str) -> None:
        super().__init__("fault")
        self.code = code
        self.error = error


@dataclass(frozen=True)
class Message:
    content: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Changes:
    """A page of `listerChangements`: each change as the WSDL names its fields, or as it came."""

    entries: Sequence[Mapping[str, Any]]
    unreadable: Sequence[str]
    cursor: str
    """Empty when there is none."""


class Messages:
    """Writes what is asked, signed with a fresh UsernameToken, and reads what is answered."""

    def __init__(self, *, username: str, password: str, clock: Clock) -> None:
        # zeep would log the text that it cannot read, with its traceback.
        logging.getLogger("zeep").setLevel(logging.CRITICAL + 1)
        wsdl = resources.files(__package__).joinpath("dossiers.wsdl").read_bytes()
        self._client = Client(io.BytesIO(wsdl), transport=_NoNetwork(), settings=_SETTINGS)
        self._binding = self._client.wsdl.bindings[f"{_OURS}DossiersSoap"]
        self._username = username
        self._password = password
        self._clock = clock

    def write(self, operation: str, fields: Mapping[str, Any]) -> Message:
        """The call of an operation of the WSDL, with a nonce of its own and the time of now."""
        envelope = self._client.create_message(self._client.service, operation, **fields)
        token = UsernameToken(
            self._username,
            self._password,
            use_digest=True,
            created=self._clock.now(),
            zulu_timestamp=True,
        )
        signed, _ = token.apply(envelope, {})
        return Message(
            content=etree.tostring(signed, xml_declaration=True, encoding="UTF-8"),
            headers={
                "Accept": "text/xml",
                "Content-Type": "text/xml; charset=utf-8",
                "SOAPAction": f'"{self._binding.get(operation).soapaction}"',
            },
        )

    def read(self, operation: str, content: bytes) -> Mapping[str, Any]:
        """The fields answered; raises `Fault`, `Unreadable`."""
        return self._fields(self._answered(operation, content))

    def read_changes(self, content: bytes) -> Changes:
        """A page, of which one entry that makes no sense spoils only itself.

        Raises `Fault`, `Unreadable`. 200 long ones take 0.1 s: call it in a thread.
        """
        answered = self._answered("listerChangements", content)
        changes = answered.findall(f"{_OURS}changement")
        if len(changes) > MOST_CHANGES:
            raise Unreadable
        entries: list[Mapping[str, Any]] = []
        unreadable: list[str] = []
        for each in changes:
            try:
                entries.append(self._fields(each))
            except Unreadable:
                unreadable.append(etree.tostring(each, encoding="unicode", with_tail=False))
        return Changes(
            entries=entries, unreadable=unreadable, cursor=_text_of(answered, f"{_OURS}curseur")
        )

    def _answered(self, operation: str, content: bytes) -> Any:
        """The element that answers; raises `Fault`, `Unreadable`."""
        try:
            envelope = parse_xml(content, self._client.transport, settings=_SETTINGS)  # type: ignore[arg-type] # it takes bytes
        except _NONSENSE as error:
            raise Unreadable from error
        fault = envelope.find(f"{_SOAP}Body/{_SOAP}Fault")
        if fault is not None:
            raise Fault(code=_code_of(fault), error=_text_of(fault, f".//{_OURS}code"))
        answered = envelope.find(f"{_SOAP}Body/{_OURS}{operation}Reponse")
        if envelope.tag != f"{_SOAP}Envelope" or answered is None:
            raise Unreadable
        return answered

    def _fields(self, element: Any) -> Mapping[str, Any]:
        """An element of the WSDL as what it holds, None where it holds nothing."""
        try:
            found = self._client.get_element(element.tag).parse(element, self._client.wsdl.types)
            return serialize_object(found, dict) or {}
        except _NONSENSE as error:
            raise Unreadable from error


class _NoNetwork:
    """zeep's transport: whatever it wants to fetch, it cannot."""

    def load(self, url: str) -> NoReturn:  # noqa: ARG002 - zeep's
        raise Unreadable


def _code_of(fault: Any) -> str:
    """`soap:Server.Busy` → `Server`. Some qualify `faultcode`, as the standard does not."""
    code = _text_of(fault, "faultcode") or _text_of(fault, f"{_SOAP}faultcode")
    return code.rpartition(":")[2].partition(".")[0]


def _text_of(parent: Any, path: str) -> str:
    return (parent.findtext(path) or "").strip()
