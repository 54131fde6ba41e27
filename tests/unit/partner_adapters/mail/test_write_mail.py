"""The mails that people at an agency read."""

import json
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from uuid import uuid4

import pytest

from services.partner_adapters.mail.write_mail import write_mail
from services.partner_adapters.partner_adapter import Delivery
from services.partner_adapters.read_partner_files import load_partner_files
from services.partner_adapters.registry import ADAPTERS

SNCF = load_partner_files(kinds=ADAPTERS)["sncf"]
BODY = {
    "case_reference": "K7M4-QX9T",
    "urgent": True,
    "taken_at": "2026-11-23T10:00:00Z",
    "demarches": [{"id": "sncf.retard", "title": "Retard d’un train"}],
    "text": "Mon train a eu 2 h de retard.\n.\nMerci " + "é" * 2000,
    "visitor": {"given_name": "Awa", "phone": "06 00 00 00 00", "identifiers": {"sncf": "G42"}},
}
TOKEN = "a" * 42


def delivery(what="referral", body=BODY):
    return Delivery(delivery_id=uuid4(), case_id=uuid4(), referral_id=uuid4(), what=what, body=body)


def read(handed, *, hour=12):
    """The mail as it is read after it went through the wire."""
    raw = write_mail(
        handed,
        partner=SNCF,
        sender="aiguillage@aiguillage.invalid",
        reply_to=f"aiguillage+{TOKEN}@aiguillage.invalid",
        recipient="orientations@sncf.invalid",
        now=datetime(2026, 11, 23, hour, tzinfo=UTC),
    ).as_bytes()
    assert raw.isascii()  # no server needs 8BITMIME or SMTPUTF8
    assert max(map(len, raw.splitlines())) < 998
    return message_from_bytes(raw, EmailMessage, policy=default)


def text_of(mail):
    return mail.get_body(("plain",)).get_content()


def test_people_find_the_need_the_person_and_how_to_answer():
    text = text_of(read(delivery()))
    for expected in (
        "Dossier : K7M4-QX9T",
        "Urgent : oui",
        "Démarche : Retard d’un train",
        "Demande du 23/11/2026 à 11:00",  # in Paris
        "Mon train a eu 2 h de retard.",
        "Prénom : Awa",
        "Votre référence : G42",
        "POUR RÉPONDRE",
        "hors_competence, hors_secteur",
        *SNCF.statuses,
    ):
        assert expected in text, expected


@pytest.mark.parametrize("what", ["referral", "answer", "withdrawal"])
def test_programs_find_the_whole_body_as_json(what):
    handed = delivery(what, {"text": "né à Sète", "answered_at": "2026-11-23T10:00:00Z"})
    [file] = read(handed).iter_attachments()
    assert file.get_content_type() == "application/json"
    assert json.loads(file.get_payload(decode=True)) == {
        "referral_id": str(handed.referral_id),
        **handed.body,
    }


def test_nothing_of_the_person_is_in_the_head_of_a_mail():
    mail = read(delivery())
    head = "\n".join(f"{name}: {value}" for name, value in mail.items())
    assert mail["Subject"] == "URGENT - Aiguillage K7M4-QX9T : nouvelle demande"
    for personal in ("Awa", "06 00", "G42", "train", "Retard"):
        assert personal not in head


def test_the_same_delivery_has_the_same_message_id_at_each_try():
    handed = delivery()
    first, again = read(handed), read(handed, hour=15)
    assert first["Message-ID"] == again["Message-ID"]
    assert first["Date"] != again["Date"]
    assert read(delivery())["Message-ID"] != first["Message-ID"]


@pytest.mark.parametrize("what", ["answer", "withdrawal"])
def test_what_comes_later_is_in_the_first_mail_s_thread(what):
    first = delivery()
    later = Delivery(
        delivery_id=uuid4(),
        case_id=first.case_id,
        referral_id=first.referral_id,
        what=what,
        body={"text": "les voici"},
    )
    mail = read(later)
    assert mail["In-Reply-To"] == mail["References"] == read(first)["Message-ID"]
    assert mail["Message-ID"] != read(first)["Message-ID"]


def test_a_mail_asks_machines_not_to_answer_and_people_to_answer_its_own_address():
    mail = read(delivery())
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Reply-To"] == f"aiguillage+{TOKEN}@aiguillage.invalid"
    assert text_of(mail).startswith("--- Merci de répondre au-dessus de cette ligne ---")
