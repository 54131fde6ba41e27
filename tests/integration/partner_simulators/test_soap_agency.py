"""The simulated agency with a SOAP service: who comes in, and what it answers to what."""

import base64
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from lxml import etree

import services
from services.partner_simulators.settings import Settings
from tests.integration.partner_simulators.running import Agencies, simulated

WSDL = Path(services.__file__).parent / "partner_simulators" / "dossiers.wsdl"
NS = "urn:aiguillage:dossiers:1"
_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
PASSWORD = "secret of the tests"
REFERRAL = (
    f'<d:deposerDemande xmlns:d="{NS}"><d:orientation>{{id}}</d:orientation>'
    "<d:reference>K7M4-QX9T</d:reference><d:urgent>true</d:urgent><d:canal>bus</d:canal>"
    "<d:recueillieLe>2026-11-23T10:00:00Z</d:recueillieLe>"
    "<d:emiseLe>2026-11-23T10:00:01Z</d:emiseLe>"
    "<d:texte>Bonjour</d:texte><d:usager><d:prenom>Awa</d:prenom></d:usager></d:deposerDemande>"
)


@dataclass
class Token:
    """What an envelope says of who sends it; every part can be made wrong."""

    created: str
    username: str = "aiguillage"
    password: str = PASSWORD
    nonce: bytes = field(default_factory=lambda: os.urandom(16))
    kind: str = "PasswordDigest"

    def xml(self) -> str:
        hashed = hashlib.sha1(self.nonce + self.created.encode() + self.password.encode())
        return (
            f'<w:Security xmlns:w="{_WSS}wssecurity-secext-1.0.xsd"><w:UsernameToken>'
            f"<w:Username>{self.username}</w:Username>"
            f'<w:Password Type="{_WSS}username-token-profile-1.0#{self.kind}">'
            f"{base64.b64encode(hashed.digest()).decode()}</w:Password>"
            f"<w:Nonce>{base64.b64encode(self.nonce).decode()}</w:Nonce>"
            f'<u:Created xmlns:u="{_WSS}wssecurity-utility-1.0.xsd">{self.created}</u:Created>'
            "</w:UsernameToken></w:Security>"
        )


@dataclass
class Answered:
    status: int
    body: bytes

    @property
    def code(self) -> str:
        """The fault's code, or the name of the reply."""
        inside = etree.fromstring(self.body)[0][0]
        return inside.findtext("faultcode") or etree.QName(inside).localname

    def text(self, name: str) -> str | None:
        return etree.fromstring(self.body).findtext(f".//{{{NS}}}{name}")

    def all(self, name: str) -> list[str]:
        return [each.text for each in etree.fromstring(self.body).iter(f"{{{NS}}}{name}")]


class Caller:
    def __init__(self, agencies: Agencies) -> None:
        self.agencies = agencies

    def now(self, ahead: timedelta = timedelta(0)) -> str:
        return (self.agencies.clock() + ahead).isoformat(timespec="seconds")

    async def call(
        self, content: str, *, token: Token | None = None, doctype: str = "", no_token: bool = False
    ) -> Answered:
        header = "" if no_token else (token or Token(self.now())).xml()
        return await self.post(
            f'{doctype}<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
            f"<s:Header>{header}</s:Header><s:Body>{content}</s:Body></s:Envelope>".encode()
        )

    async def post(self, body: bytes) -> Answered:
        async with self.agencies.http.post(self.agencies.address("cpam"), data=body) as response:
            return Answered(response.status, await response.read())

    async def ledger(self) -> list[dict[str, object]]:
        entries: list[dict[str, object]] = (await self.agencies.ledger("cpam"))["entries"]
        return entries


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    settings = Settings(
        simulator_partners=("cpam",),
        simulator_base_port=0,
        simulator_pace=0.01,
        simulator_outcome="resolved",
        secret_cpam_username="aiguillage",
        secret_cpam_password=PASSWORD,
    )
    async with simulated(settings) as agencies:
        yield Caller(agencies)


def referral(referral_id: str | None = None) -> str:
    return REFERRAL.format(id=referral_id or uuid4())


def element(name: str, **fields: str) -> str:
    inside = "".join(f"<{key}>{value}</{key}>" for key, value in fields.items())
    return f'<{name} xmlns="{NS}">{inside}</{name}>'


async def test_it_publishes_its_wsdl(caller: Caller) -> None:
    async with caller.agencies.http.get(caller.agencies.address("cpam") + "/?wsdl") as response:
        assert (response.status, response.content_type) == (200, "text/xml")
        assert await response.read() == WSDL.read_bytes()


async def test_a_referral_opens_a_file_and_a_repetition_opens_another(caller: Caller) -> None:
    content = referral()
    first, again = await caller.call(content), await caller.call(content)
    assert first.text("dossier") != again.text("dossier")
    [entry] = await caller.ledger()
    assert (entry["times"], entry["presented"]) == (2, 2)


async def test_a_file_can_be_looked_up_by_our_reference(caller: Caller) -> None:
    referral_id = str(uuid4())
    asked = element("consulterDossier", orientation=referral_id)
    assert (await caller.call(asked)).text("resultat") == "INCONNU"
    opened = await caller.call(referral(referral_id))
    found = await caller.call(asked)
    assert found.text("resultat") == "CONNU"
    assert found.text("dossier") == opened.text("dossier")
    assert found.text("etat") in {"RECU", "INSTRUCTION", "CLOS"}
    assert datetime.fromisoformat(found.text("depuis") or "").tzinfo is not None


async def test_changes_are_listed_from_the_cursor_on(caller: Caller) -> None:
    await caller.call(referral())
    words: list[str] = []
    cursor: dict[str, str] = {}
    while len(words) < 3:
        page = await caller.call(element("listerChangements", **cursor, maximum="2"))
        words += page.all("etat")
        cursor = {"curseur": page.text("curseur") or ""}
    assert words == ["RECU", "INSTRUCTION", "CLOS"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"username": "another"}, "wsse:FailedAuthentication"),
        ({"password": "another"}, "wsse:FailedAuthentication"),
        ({"kind": "PasswordText"}, "wsse:UnsupportedSecurityToken"),
        ({"created": "soon"}, "wsse:InvalidSecurityToken"),
        ({"created": "2026-11-23T10:00:00"}, "wsse:InvalidSecurityToken"),
        ({"created": "2020-11-23T10:00:00Z"}, "wsse:MessageExpired"),
        ({"created": "2120-11-23T10:00:00Z"}, "wsse:MessageExpired"),
    ],
)
async def test_who_does_not_show_who_it_is_is_not_let_in(
    caller: Caller, changed: dict[str, str], code: str
) -> None:
    token = Token(**{"created": caller.now(), **changed})
    assert (await caller.call(referral(), token=token)).code == code
    assert await caller.ledger() == []


async def test_who_shows_nothing_is_not_let_in(caller: Caller) -> None:
    assert (await caller.call(referral(), no_token=True)).code == "wsse:InvalidSecurity"


async def test_a_message_is_good_once_however_it_is_changed(caller: Caller) -> None:
    token = Token(caller.now())
    assert (await caller.call(referral(), token=token)).code == "deposerDemandeReponse"
    assert (await caller.call(referral(), token=token)).code == "wsse:FailedAuthentication"
    assert len(await caller.ledger()) == 1


async def test_a_replay_is_refused_for_as_long_as_its_time_is_fresh(caller: Caller) -> None:
    token = Token(caller.now(ahead=timedelta(minutes=4)))  # their clock may run ahead of ours
    await caller.call(referral(), token=token)
    caller.agencies.clock.ahead += timedelta(minutes=8)
    await caller.call(referral())
    assert (await caller.call(referral(), token=token)).code == "wsse:FailedAuthentication"


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (referral("not a uuid"), ["orientation"]),
        (referral().replace("bus", "pigeon"), ["canal"]),
        (referral().replace("<d:texte>Bonjour</d:texte>", ""), ["usager"]),
        (referral().replace("Bonjour", "x" * 5001), ["texte"]),
        (referral().replace("<d:prenom>", "<d:salaire>1</d:salaire><d:prenom>"), ["salaire"]),
        (referral().replace("10:00:01Z", "10:00:01"), ["emiseLe"]),
        (element("listerChangements", maximum="100000"), ["maximum"]),
        (element("listerChangements", curseur="hello", maximum="1"), ["curseur"]),
        (element("detruireTout"), []),
        ("<deposerDemande/>", []),
        ("<?php deposerDemande ?>", []),
    ],
)
async def test_what_breaks_the_schema_is_refused_field_by_field(
    caller: Caller, content: str, fields: list[str]
) -> None:
    answer = await caller.call(content)
    assert (answer.status, answer.code, answer.text("code")) == (
        *(500, "soap:Client"),
        "DEMANDE_INVALIDE",
    )
    assert answer.all("champ") == fields
    assert await caller.ledger() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"<a/>", b"<a>" * 1000, b"\xff\xfe<", "<é>".encode("latin-1")],
)
async def test_what_is_no_envelope_is_refused(caller: Caller, body: bytes) -> None:
    assert (await caller.post(body)).code == "soap:Client"


async def test_entities_are_refused_whatever_they_stand_for(caller: Caller) -> None:
    for doctype in (
        '<!DOCTYPE s [<!ENTITY e "Bonjour">]>',
        '<!DOCTYPE s [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE s SYSTEM "http://127.0.0.1:9/s.dtd">',
    ):
        answer = await caller.call(referral().replace("Bonjour", "&e;"), doctype=doctype)
        assert answer.code == "soap:Client"
        assert b"root:" not in answer.body
    assert await caller.ledger() == []


@pytest.mark.parametrize("inside", ["<a>&e9;</a>", '<a b="&e9;"/>'])
async def test_a_billion_laughs_are_refused(caller: Caller, inside: str) -> None:
    grown = "".join(f'<!ENTITY e{n + 1} "{"".join([f"&e{n};"] * 10)}">' for n in range(9))
    answer = await caller.call(inside, doctype=f'<!DOCTYPE s [<!ENTITY e0 "ha">{grown}]>')
    assert answer.code == "soap:Client"


async def test_a_body_over_one_megabyte_is_not_read(caller: Caller) -> None:
    answer = await caller.post(referral().replace("Bonjour", "x" * 11_000_000).encode())
    assert answer.status == 413
    assert (await caller.call(referral())).code == "deposerDemandeReponse"


async def test_answers_and_withdrawals_are_taken_for_what_it_has(caller: Caller) -> None:
    referral_id, moment = str(uuid4()), "2026-11-23T10:00:00Z"
    answer = element(
        "repondreDemande", orientation=referral_id, reponse=str(uuid4()), texte="voici",
        reponduLe=moment,
    )  # fmt: skip
    withdrawal = element("retirerDemande", orientation=referral_id, retireLe=moment)
    for content in (answer, withdrawal):
        assert (await caller.call(content)).text("code") == "DOSSIER_INCONNU"
    await caller.call(referral(referral_id))
    for content in (answer, answer, withdrawal, withdrawal):
        assert (await caller.call(content)).code.endswith("Reponse")
    entries = {entry["what"]: entry for entry in await caller.ledger()}
    assert entries["answer"]["times"] == entries["withdrawal"]["times"] == 1
