"""The `soap` kind against a server that answers anything: what each answer means."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import web

from services.partner_adapters.partner_adapter import (
    OutcomeUnknown,
    PartnerNeedsAttention,
    PartnerRefused,
    PartnerUnavailable,
)
from shared.plumbing.clock import MovableClock
from tests.integration.partner_adapters.soap_deliveries import PASSWORD, adapting, referral
from tests.integration.partner_adapters.stub_partner import stub_partner

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
NS = "urn:aiguillage:dossiers:1"


@pytest.fixture
async def stub():
    async with stub_partner() as stub:
        yield stub


def soap(inner):
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f"{inner}</s:Body></s:Envelope>"
    ).encode()


def fault_of(code, detail=""):
    return soap(f"<s:Fault><faultcode>{code}</faultcode>{detail}</s:Fault>")


def detail_of(code):
    return f'<detail><erreur xmlns="{NS}"><code>{code}</code></erreur></detail>'


def answering(status, body=b"", **headers):
    async def answer(_):
        return web.Response(status=status, body=body, headers=headers)

    return answer


GOOD = soap(f'<deposerDemandeReponse xmlns="{NS}"><dossier>C-1</dossier></deposerDemandeReponse>')
ANSWERS = {
    "refused": (500, fault_of("s:Client"), PartnerRefused, "fault_client"),
    "refused, refined": (500, fault_of("s:Client.Form"), PartnerRefused, "fault_client"),
    "refused with 400": (400, fault_of("s:Sender"), PartnerRefused, "fault_client"),
    "refused with 200": (200, fault_of("s:Client"), PartnerRefused, "fault_client"),
    "qualified": (
        *(500, fault_of("s:Client").replace(b"faultcode", b"s:faultcode")),
        *(PartnerRefused, "fault_client"),
    ),
    "another soap": (
        500,
        fault_of("s:VersionMismatch"),
        PartnerNeedsAttention,
        "fault_another_soap",
    ),
    "header": (500, fault_of("s:MustUnderstand"), PartnerNeedsAttention, "fault_another_soap"),
    "expired": (500, fault_of("wsse:MessageExpired"), PartnerNeedsAttention, "unauthorized"),
    "closed": (
        *(500, fault_of("s:Server", detail_of("INDISPONIBLE"))),
        *(PartnerUnavailable, "fault_indisponible"),
    ),
    "internal": (500, fault_of("s:Server"), OutcomeUnknown, "fault_server"),
    "a code of nobody": (500, fault_of("Awa"), OutcomeUnknown, "fault_server"),
    "no code": (500, soap("<s:Fault/>"), OutcomeUnknown, "fault_server"),
    "503": (503, b"", PartnerUnavailable, "http_503"),
    "401": (401, b"", PartnerNeedsAttention, "unauthorized"),
    "404": (404, b"", PartnerNeedsAttention, "http_404"),
    "415": (415, b"<html/>", PartnerNeedsAttention, "http_415"),
    "413": (413, b"", PartnerRefused, "http_413"),
    "409": (409, b"", OutcomeUnknown, "http_409"),
    "502": (502, b"<html>", OutcomeUnknown, "http_502"),
    "a reply, but 500": (500, GOOD, OutcomeUnknown, "http_500"),
    "empty": (200, b"", OutcomeUnknown, "unreadable_answer"),
    "another reply": (
        *(200, GOOD.replace(b"deposer", b"retirer")),
        *(OutcomeUnknown, "unreadable_answer"),
    ),
    "an element too many": (
        *(200, GOOD.replace(b"<dossier>", b"<plus/><dossier>")),
        *(OutcomeUnknown, "unreadable_answer"),
    ),
    "no namespace": (200, GOOD.replace(NS.encode(), b""), OutcomeUnknown, "unreadable_answer"),
    "soap 1.2": (
        *(200, GOOD.replace(b"schemas.xmlsoap.org/soap/envelope/", b"www.w3.org/2003/05/soap")),
        *(OutcomeUnknown, "unreadable_answer"),
    ),
    "no file": (
        *(200, GOOD.replace(b"<dossier>C-1</dossier>", b"")),
        *(OutcomeUnknown, "answer_without_reference"),
    ),
    "a file too long": (
        *(200, GOOD.replace(b"C-1", b"C" * 101)),
        *(OutcomeUnknown, "answer_without_reference"),
    ),
    "deep": (200, b"<a>" * 20_000, OutcomeUnknown, "unreadable_answer"),
    "many attributes": (
        *(200, b"<a " + b" ".join(b'a%d=""' % n for n in range(5000)) + b"/>"),
        *(OutcomeUnknown, "unreadable_answer"),
    ),
    "not utf-8": (200, GOOD.replace(b"C-1", b"\xff\xfe"), OutcomeUnknown, "unreadable_answer"),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_what_each_answer_means(stub, name):
    status, body, failure, reason = ANSWERS[name]
    stub.answer = answering(status, body)
    async with adapting(stub.address) as adapter:
        with pytest.raises(failure) as raised:
            await adapter.deliver([referral()])
    assert raised.value.reason == reason
    assert len(stub.asked) == 1


async def test_a_reply_may_be_laid_out_for_reading(stub):
    stub.answer = answering(200, GOOD.replace(b"C-1", b"\n    C-1\n  "))
    async with adapting(stub.address) as adapter:
        [receipt] = await adapter.deliver([referral()])
    assert receipt.partner_reference == "C-1"


async def test_retry_after_is_passed_on(stub):
    stub.answer = answering(503, **{"Retry-After": "120"})
    async with adapting(stub.address) as adapter:
        with pytest.raises(PartnerUnavailable) as raised:
            await adapter.deliver([referral()])
    assert raised.value.retry_after == 120


async def test_each_try_has_its_own_nonce_and_the_time_of_now(stub):
    stub.answer = answering(200, GOOD)
    clock, delivery = MovableClock(NOW), referral()
    async with adapting(stub.address, clock=clock) as adapter:
        await adapter.deliver([delivery])
        clock.move(timedelta(hours=5))
        await adapter.deliver([delivery])
    first, second = (each.body.decode() for each in stub.asked)
    assert "2026-11-23T10:00:00Z</wsu:Created>" in first
    assert "2026-11-23T15:00:00Z</wsu:Created>" in second
    nonces = {text.partition("<wsse:Nonce")[2].partition("</")[0] for text in (first, second)}
    assert len(nonces) == 2
    assert PASSWORD not in first
    assert stub.asked[0].headers["SOAPAction"] == f'"{NS}#deposerDemande"'
    assert stub.asked[0].headers["traceparent"] == "00-1-1-00"


@pytest.mark.parametrize("said", ["", "<resultat>PEUT-ETRE</resultat>", "<dossier>C-1</dossier>"])
async def test_only_a_clear_no_says_that_it_never_came(stub, said):
    stub.answer = answering(
        200, soap(f'<consulterDossierReponse xmlns="{NS}">{said}</consulterDossierReponse>')
    )
    async with adapting(stub.address) as adapter:
        with pytest.raises(OutcomeUnknown):
            await adapter.look_up(referral())


async def test_a_look_up_that_is_refused_is_asked_again(stub):
    stub.answer = answering(500, fault_of("s:Client"))
    async with adapting(stub.address) as adapter:
        with pytest.raises(PartnerUnavailable, match="fault_client"):
            await adapter.look_up(referral())


def page_of(*changes, cursor="<curseur>c2</curseur>"):
    return soap(
        f'<listerChangementsReponse xmlns="{NS}">{"".join(changes)}{cursor}'
        "</listerChangementsReponse>"
    )


def change(number, *, at="2026-11-23T10:00:00Z", message="é"):
    return (
        f"<changement><identifiant>{number}</identifiant><orientation>{uuid4()}</orientation>"
        f"<etat>RECU</etat><le>{at}</le><message>{message}</message></changement>"
    )


async def test_a_status_that_makes_no_sense_is_put_aside_alone(stub, caplog):
    stub.answer = answering(
        200,
        page_of(
            change(1),
            "<changement>du texte</changement>",
            change(2, at="demain, dit Awa"),
            change(3, at="2026-11-23T10:00:00"),
            "<changement><inconnu/></changement>",
        ),
    )
    async with adapting(stub.address) as adapter:
        collected = await adapter.collect("c1")
    assert [each.status_id for each in collected.statuses] == ["1"]
    assert (len(collected.unreadable), collected.cursor) == (4, "c2")
    assert "Awa" not in caplog.text


async def test_a_full_page_of_long_messages_is_read_whole_while_others_are_served(stub):
    stub.answer = answering(200, page_of(*(change(n, message="é" * 5000) for n in range(200))))
    turns = 0

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with adapting(stub.address) as adapter:
        neighbour = asyncio.create_task(others())
        collected = await adapter.collect(None)
        neighbour.cancel()
    assert (len(collected.statuses), collected.unreadable) == (200, [])
    assert turns > 10


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html/>", GOOD, page_of(cursor=""), page_of(cursor="<curseur/>")),
        *(
            page_of(*(change(n) for n in range(201))),
            page_of(cursor=f"<curseur>{'a' * 1001}</curseur>"),
            page_of(cursor="<curseur>a\nb</curseur>"),
            b'<!DOCTYPE r [<!ENTITY e "x">]>' + page_of(change(1)),
        ),
    ],
)
async def test_a_page_that_makes_no_sense_moves_no_cursor(stub, body):
    stub.answer = answering(200, body)
    async with adapting(stub.address) as adapter:
        with pytest.raises(OutcomeUnknown):
            await adapter.collect("c1")


@pytest.mark.parametrize("inside", ["&k;", '<a b="&k;"/>'])
async def test_a_billion_laughs_cost_nothing(stub, inside):
    grown = "".join(
        '<!ENTITY {} "{}">'.format(name, f"&{below};" * 10)
        for below, name in zip("abcdefghij", "bcdefghijk", strict=True)
    )
    laughs = f'<!DOCTYPE r [<!ENTITY a "ha">{grown}]>'.encode()
    stub.answer = answering(200, laughs + soap(inside))
    before = resident_kilobytes()
    async with adapting(stub.address) as adapter:
        async with asyncio.timeout(5):
            with pytest.raises(OutcomeUnknown, match="unreadable_answer"):
                await adapter.deliver([referral()])
    assert resident_kilobytes() - before < 50_000


async def test_nothing_that_an_answer_names_is_fetched(stub):
    names = f"{stub.address}/elsewhere"
    stub.answer = answering(
        200,
        f'<!DOCTYPE r SYSTEM "{names}.dtd" [<!ENTITY % e SYSTEM "{names}.ent"> %e;]>'.encode()
        + soap(
            f'<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="u {names}"/>'
        ),
    )
    async with adapting(stub.address) as adapter:
        with pytest.raises(OutcomeUnknown, match="unreadable_answer"):
            await adapter.deliver([referral()])
    assert stub.paths() == ["POST /"]


async def test_who_has_no_such_partner_does_not_pay_for_zeep():
    asked = "import sys, services.partner_adapters.main; print({'zeep', 'lxml'} & set(sys.modules))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", asked, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out == b"set()\n"


def resident_kilobytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4
