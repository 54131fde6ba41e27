"""What leaves for a partner."""

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from services.partner_adapters.handover import permitted, referral_body
from services.partner_adapters.read_partner_files import load_partner_files
from services.partner_adapters.registry import ADAPTERS
from shared.contracts.personal import RequestContent, Visitor

PARTNERS = load_partner_files(kinds=ADAPTERS)
VISITOR = Visitor(
    given_name="Awa",
    family_name="Diallo",
    birth_date=date(1950, 1, 2),
    postcode="75019",
    phone="+33600000000",
    email="awa@example.org",
    identifiers={partner_id: f"number at {partner_id}" for partner_id in PARTNERS},
)


@pytest.mark.parametrize("partner_id", sorted(PARTNERS))
def test_only_the_fields_of_the_partners_file_leave(partner_id):
    partner = PARTNERS[partner_id]
    fields = permitted(VISITOR, partner_id=partner_id, permitted_fields=partner.permitted_fields)
    assert set(fields) == set(partner.permitted_fields)
    assert fields.get("identifiers", {partner_id: f"number at {partner_id}"}) == {
        partner_id: f"number at {partner_id}"
    }


def test_no_partner_gets_everything_that_a_visitor_can_say():
    for partner_id in ("edf", "engie", "laposte", "sncf"):
        assert "birth_date" not in PARTNERS[partner_id].permitted_fields


def test_what_the_visitor_did_not_say_is_left_out():
    fields = permitted(
        Visitor(given_name="Awa"),
        partner_id="caf",
        permitted_fields=PARTNERS["caf"].permitted_fields,
    )
    assert fields == {"given_name": "Awa"}


def test_the_body_is_as_agreed_on_the_wire():
    about = {
        "referral_id": uuid4(),
        "reference": "K7M4-QX9T",
        "unit_id": "75",
        "urgent": False,
        "channel": "kiosk",
        "language": None,
        "taken_at": datetime(2026, 11, 23, 10, tzinfo=UTC),
        "issued_at": datetime(2026, 11, 23, 11, tzinfo=UTC),
        "demarches": [{"id": "caf.apl_demande", "title": "Demande d'APL"}],
        "sealed": "never",
        "trace": {},
    }
    body = referral_body(
        about,
        RequestContent(text="mon APL", visitor=VISITOR),
        partner_id="caf",
        permitted_fields=("birth_date",),
    )
    assert body == {
        "referral_id": str(about["referral_id"]),
        "case_reference": "K7M4-QX9T",
        "unit": "75",
        "urgent": False,
        "channel": "kiosk",
        "language": None,
        "taken_at": "2026-11-23T10:00:00Z",
        "issued_at": "2026-11-23T11:00:00Z",
        "demarches": about["demarches"],
        "text": "mon APL",
        "visitor": {"birth_date": "1950-01-02"},
    }
