"""docs/partners/soap.md is true: every example is read by the side that would get it."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from services.partner_adapters.adapters.soap import ABOUT_US, OF_ANOTHER_SOAP
from services.partner_adapters.partner_http import LONGEST_ANSWER, LONGEST_LIST
from services.partner_adapters.read_partner_files import load_partner_files
from services.partner_adapters.registry import ADAPTERS
from services.partner_adapters.soap.messages import Fault, Messages
from services.partner_simulators.referral_form import ALL_VISITOR_FIELDS, wrong_in_referral
from services.partner_simulators.soap_envelope import SOAP, Wsdl, body_of, read_envelope
from services.partner_simulators.soap_form import referral_form
from services.partner_simulators.username_token import UsernameTokens
from shared.plumbing.clock import SystemClock

TEXT = (Path(__file__).parents[2] / "docs" / "partners" / "soap.md").read_text("utf-8")
EXAMPLES = [block.encode() for block in re.findall(r"```xml\n(.*?)```", TEXT, re.DOTALL)]
WSDL = Wsdl()


def body_in(example: bytes) -> Any:
    """What an example says, with or without its envelope."""
    root = etree.fromstring(example)
    return body_of(root) if root.tag == f"{SOAP}Envelope" else root


def name_of(example: bytes) -> str:
    return etree.QName(body_in(example)).localname


MESSAGES = {name_of(each): each for each in EXAMPLES if name_of(each) != "Fault"}


def test_every_operation_is_shown_both_ways() -> None:
    shown = set(MESSAGES)
    operations = {name for name in shown if f"{name}Reponse" in shown}
    assert shown == operations | {f"{name}Reponse" for name in operations}
    assert operations == set(re.findall(r'operation name="(\w+)"', WSDL.content.decode()))


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_every_example_keeps_to_the_schema(example: bytes) -> None:
    said = body_in(example)
    if said.tag == f"{SOAP}Fault":
        said = said.find("detail")[0]
    assert WSDL.wrong_in(said) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_we_understand_what_agencies_are_shown(example: bytes) -> None:
    messages = Messages(username="u", password="p", clock=SystemClock())
    inside = etree.tostring(body_in(example))
    enveloped = b'<s:Envelope xmlns:s="%s"><s:Body>%s</s:Body></s:Envelope>' % (
        SOAP[1:-1].encode(),
        inside,
    )
    name = name_of(example)
    if name == "Fault":
        with pytest.raises(Fault) as raised:
            messages.read("deposerDemande", enveloped)
        assert (raised.value.code, raised.value.error) == ("Client", "DEMANDE_INVALIDE")
    elif name == "listerChangementsReponse":
        page = messages.read_changes(enveloped)
        assert (len(page.entries), page.unreadable, page.cursor) == (2, [], "84")
    elif name.endswith("Reponse"):
        reply = messages.read(name.removesuffix("Reponse"), enveloped)
        assert set(reply) >= {etree.QName(child).localname for child in body_in(example)}


def test_the_token_shown_to_agencies_is_right() -> None:
    [password] = re.findall(r"Le mot de passe de l’exemple qui suit est `(.+?)`", TEXT)
    sent = datetime(2026, 11, 23, 10, 0, 3, tzinfo=UTC)
    envelope = read_envelope(MESSAGES["deposerDemande"])
    UsernameTokens(username="aiguillage", password=password).admit(envelope, now=sent)


def test_the_referral_shown_to_agencies_is_one() -> None:
    form = referral_form(body_in(MESSAGES["deposerDemande"]), partner_id="cpam")
    assert form["visitor"]["identifiers"] == {"cpam": "250019912345678"}
    assert wrong_in_referral(form, partner_id="cpam", visitor_fields=ALL_VISITOR_FIELDS) == []


def test_faults_and_limits_shown_to_agencies_are_those_of_the_code() -> None:
    codes = set(re.findall(r"`(?:wsse:)?([A-Z][A-Za-z]+[a-z])`", TEXT.partition("Vos erreurs")[2]))
    assert codes - {"Client", "Server", "DOCTYPE", "Retry-After"} <= ABOUT_US | OF_ANOTHER_SOAP
    assert f"{LONGEST_ANSWER // 1024} kio" in TEXT
    assert f"{LONGEST_LIST // 1024 // 1024} Mio" in TEXT
    for partner in load_partner_files(kinds=ADAPTERS).values():
        if partner.kind == "soap":
            assert partner.limits.request_timeout_seconds == 10
            assert partner.retry.look_up_after_seconds == 30
