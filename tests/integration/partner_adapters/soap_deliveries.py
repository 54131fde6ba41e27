"""Deliveries to a SOAP partner, and the adapter that hands them over."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from services.partner_adapters.adapters.soap import SoapAdapter
from services.partner_adapters.partner_adapter import Delivery
from services.partner_adapters.partner_credentials import NoAuthorization
from services.partner_adapters.partner_http import PartnerHttp
from services.partner_adapters.partner_network import Reach
from services.partner_adapters.soap.messages import Messages
from shared.plumbing.clock import MovableClock

PASSWORD = "secret of the tests"
REFERRAL = {
    "referral_id": "not read",
    "case_reference": "K7M4-QX9T",
    "unit": None,
    "urgent": False,
    "channel": "kiosk",
    "language": "fr",
    "taken_at": "2026-11-23T10:00:00Z",
    "issued_at": "2026-11-23T10:00:01Z",
    "demarches": [{"id": "cpam.vitale", "title": "Carte Vitale perdue"}],
    "text": "Né à Sète, j’ai <perdu> ma carte & tout.",
    "visitor": {
        "given_name": "Awa",
        "family_name": "Exemple",
        "birth_date": "1950-01-02",
        "postcode": "75019",
        "phone": "06 00 00 00 00",
        "email": "awa@exemple.fr",
        "identifiers": {"cpam": "180047501234567"},
    },
}


def referral(**changed):
    return Delivery(
        delivery_id=uuid4(),
        case_id=uuid4(),
        referral_id=uuid4(),
        what="referral",
        body={**REFERRAL, **changed},
        trace={"traceparent": "00-1-1-00"},
    )


def following(delivery, what):
    bodies = {
        "answer": {
            "answer_id": str(uuid4()),
            "text": "voici",
            "answered_at": "2026-11-24T09:00:00Z",
        },
        "withdrawal": {"withdrawn_at": "2026-11-24T09:00:00Z"},
    }
    return replace(delivery, delivery_id=uuid4(), what=what, body=bodies[what])


def adapter_of(address, *, password=PASSWORD, clock=None, timeout=5.0):
    clock = clock or MovableClock(datetime.now(UTC))
    http = PartnerHttp(
        address=address,
        authorization=NoAuthorization(),
        concurrency=4,
        timeout=timeout,
        reach=Reach(loopback=True),
    )
    messages = Messages(username="aiguillage", password=password, clock=clock)
    return SoapAdapter(http=http, messages=messages, clock=clock)


@asynccontextmanager
async def adapting(address, **given):
    adapter = adapter_of(address, **given)
    try:
        yield adapter
    finally:
        await adapter.close()
