"""What mails that come in mean, as people, machines and attackers write them."""

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.partner_adapters.mail.address_token import AddressTokens
from services.partner_adapters.mail.settings import EmailSettings
from services.partner_adapters.mail.spoken_words import FREE_REPLY, SpokenWords
from services.partner_adapters.mail.understand_mail import (
    BOUNCED,
    Ignored,
    Unmatched,
    understand_mail,
)
from services.partner_adapters.partner_adapter import PartnerStatus
from shared.contracts.referral_status import ReferralStatus

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = "the key of the tests, long enough to be one"
TOKENS = AddressTokens(key=KEY, partner_id="sncf")
REFERRAL = uuid4()
OURS = f"aiguillage+{TOKENS.token_of(REFERRAL)}@aiguillage.invalid"
SETTINGS = EmailSettings(
    sender="aiguillage@aiguillage.invalid", recipient="orientations@sncf.invalid", reply_key="K"
)
WORDS = SpokenWords(
    statuses={
        "en_cours": ReferralStatus.IN_PROGRESS,
        "regle": ReferralStatus.RESOLVED,
        "refuse": ReferralStatus.REFUSED,
    },
    refusal_reasons={"hors_competence": "not_competent", "doublon": "duplicate"},
)


def mail(text="en_cours\n", *, html=None, **headers):
    """An answer; keywords replace headers, None leaves one out, `_` stands for `-`."""
    message = EmailMessage(policy=SMTP.clone(max_line_length=500))
    fields = {
        "From": "Service <jean@sncf.invalid>",
        "To": OURS,
        "Subject": "Re: Aiguillage",
        "Date": "Mon, 23 Nov 2026 11:00:00 +0000",
        "Message_ID": "<1@sncf.invalid>",
        **headers,
    }
    for name, value in fields.items():
        if value is not None:
            message[name.replace("_", "-")] = value
    if text is not None:
        message.set_content(text)
    if html is not None:
        message.set_content(html, subtype="html")
    return message


def meaning(message, *, now=NOW):
    raw = message if isinstance(message, bytes) else message.as_bytes()
    return understand_mail(raw, settings=SETTINGS, tokens=TOKENS, words=WORDS, now=now)


def said(message):
    status = meaning(message)
    assert isinstance(status, PartnerStatus), status
    return status.word, status.reason_word, status.message


def test_the_first_line_is_the_word_and_the_rest_is_for_the_visitor():
    status = meaning(mail("regle\n\nC’est remboursé.\nBonne journée\n"))
    assert (status.referral_id, status.word) == (REFERRAL, "regle")
    assert status.message == "C’est remboursé.\nBonne journée"
    assert status.at == datetime(2026, 11, 23, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "word", "reason"),
    [
        ("En cours", "en_cours", None),
        ("  RÉGLÉ.  ", "regle", None),
        ("refuse hors_competence", "refuse", "hors_competence"),
        ("Refusé : hors compétence", "refuse", "hors_competence"),
        ("refuse", "refuse", None),
        ("transmis", "transmis", None),
        ("hors_competence", "hors_competence", None),
        ("regle pas encore", FREE_REPLY, None),
        ("refuse parce que", FREE_REPLY, None),
        ("Bonjour Madame Diallo,", FREE_REPLY, None),
        ("…", FREE_REPLY, None),
    ],
)
def test_a_word_is_known_however_it_is_typed_and_never_guessed(line, word, reason):
    assert said(mail(f"{line}\n"))[:2] == (word, reason)


def test_an_answer_that_is_no_word_is_kept_whole_for_a_person():
    assert said(mail("Bonjour,\nvoyez avec le 3635.\n")) == (
        FREE_REPLY,
        None,
        "Bonjour,\nvoyez avec le 3635.",
    )


QUOTATIONS = {
    "quoted lines": "> regle\n> Bonjour",
    "French": "Le lun. 23 nov. 2026 à 11:00, Aiguillage a écrit :\nregle",
    "French, wrapped": "Le lun. 23 nov. 2026 à 11:00, Aiguillage\n<a@b.invalid> a écrit :\nregle",
    "English": "On Mon, 23 Nov 2026 at 11:00, Aiguillage wrote:\nregle",
    "Outlook": "________________________________\nDe : Aiguillage <a@b.invalid>\nregle",
    "Outlook's header": "De : Aiguillage <a@b.invalid>\nEnvoyé : lundi",
    "an older Outlook": "-----Message d'origine-----\nregle",
    "our own line": "--- Merci de répondre au-dessus de cette ligne ---\nregle",
    "a signature": "-- \nJean, SNCF",
}


@pytest.mark.parametrize("name", QUOTATIONS)
def test_what_is_quoted_or_signed_is_cut(name):
    assert said(mail(f"en_cours\nNous cherchons.\n\n{QUOTATIONS[name]}\n")) == (
        "en_cours",
        None,
        "Nous cherchons.",
    )


def test_html_alone_is_read_as_text_without_scripts_and_quotations():
    html = (
        "<html><head><style>p{}</style><title>t</title></head><body><p>R&eacute;gl&eacute;</p>"
        "<script>alert('x')</script><div>Tout est <b>bon</b>.<br>Merci</div>"
        "<blockquote><p>Bonjour, en_cours</p></blockquote></body></html>"
    )
    assert said(mail(None, html=html)) == ("regle", None, "Tout est bon.\nMerci")


@pytest.mark.parametrize(
    "html",
    ["", "<!-- -->", "<" * 50_000, "<div>" * 20_000, "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY"],
)
def test_html_made_to_exhaust_a_parser_is_an_empty_answer(html):
    assert meaning(mail(None, html=html)).word == FREE_REPLY


def test_files_that_hang_on_an_answer_are_named_and_left():
    message = mail("en_cours\n")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    assert said(message)[2] == "[1 pièce(s) jointe(s), restée(s) dans la boîte aux lettres]"


@pytest.mark.parametrize("charset", ["martian", "utf-8", "utf-16", '"', "\x00", "idna", "base64"])
def test_nonsense_charsets_never_raise(charset):
    raw = (
        f"From: a@sncf.invalid\r\nTo: {OURS}\r\nReturn-Path: <a@sncf.invalid>\r\n"
        f"Content-Type: text/plain; charset={charset}\r\n\r\n"
    ).encode() + b"en_cours\r\n\xff\xfe\x00\xe9t\xe9\r\n"
    status = meaning(raw)
    assert "\x00" not in (status.message or "")


# --- whose it is


def forged(referral_id):
    """The token somebody makes without our key."""
    return AddressTokens(key="k" * 32, partner_id="sncf").token_of(referral_id)


def test_nobody_can_speak_for_a_referral_without_the_key():
    theirs = f"aiguillage+{forged(REFERRAL)}@aiguillage.invalid"
    assert isinstance(meaning(mail("regle", To=theirs)), Unmatched)
    assert meaning(mail("regle", To=theirs, From="x@evil.invalid")) == Ignored("stranger")


def test_another_partner_s_token_is_not_ours():
    token = AddressTokens(key=KEY, partner_id="edf").token_of(REFERRAL)
    assert isinstance(
        meaning(mail("regle", To=f"aiguillage+{token}@aiguillage.invalid")), Unmatched
    )


def test_the_token_is_read_in_capitals_and_in_the_thread_s_references():
    assert meaning(mail(To=OURS.upper())).referral_id == REFERRAL
    ours = f"<{REFERRAL}.{OURS.partition('+')[2]}>"
    status = meaning(mail(To="aiguillage@aiguillage.invalid", References=ours))
    assert status.referral_id == REFERRAL


def test_a_mail_of_the_agency_about_nothing_we_know_is_for_a_person():
    unmatched = meaning(mail("Bonjour\n", To="aiguillage@aiguillage.invalid"))
    assert unmatched == Unmatched(subject="Re: Aiguillage", text="Bonjour")


# --- mails that nobody wrote

AUTOMATIC = {
    "an absence": {"Auto_Submitted": "auto-replied"},
    "bulk": {"Precedence": "bulk"},
    "an old responder": {"X_Autoreply": "yes"},
    "a list": {"List_Id": "<a.b>"},
    "no sender": {"Return_Path": "<>"},
}


@pytest.mark.parametrize("name", AUTOMATIC)
def test_what_machines_send_is_ignored(name):
    assert meaning(mail("regle\n", **AUTOMATIC[name])) == Ignored("automatic")


def test_our_own_mail_come_back_is_ignored_so_that_nothing_loops():
    ours = f"<{uuid4()}.{OURS.partition('+')[2]}>"
    assert meaning(mail("regle\n", Message_ID=ours)) == Ignored("own")
    assert meaning(mail("regle\n", From=OURS)) == Ignored("own")
    assert meaning(mail("regle\n", From="Aiguillage@AIGUILLAGE.invalid")) == Ignored("own")


def report(action="failed", status="5.1.1 (user unknown)"):
    """A delivery report, as Postfix writes them."""
    return (
        f"Return-Path: <>\r\nFrom: MAILER-DAEMON@relay.invalid\r\nTo: {OURS}\r\n"
        "Auto-Submitted: auto-replied\r\nMessage-ID: <r1@relay.invalid>\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=B\r\n\r\n"
        "--B\r\nContent-Type: text/plain\r\n\r\nI'm sorry.\r\n"
        "--B\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.invalid"
        f"\r\n\r\nFinal-Recipient: rfc822; x@sncf.invalid\r\nAction: {action}\r\n"
        f"Status: {status}\r\nDiagnostic-Code: smtp; 550 unknown user\r\n\r\n"
        "--B\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: x\r\n\r\n--B--\r\n"
    ).encode()


def test_a_bounce_is_no_word_of_any_table_and_says_why():
    assert said(report()) == (
        BOUNCED,
        "5.1.1",
        "Le message n’a pas pu être remis. smtp; 550 unknown user",
    )


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed"])
def test_a_report_that_is_no_bounce_is_ignored(action):
    assert meaning(report(action)) == Ignored("delivery_report")


def test_an_old_server_s_bounce_is_one_too():
    message = mail("user unknown\n", From="MAILER-DAEMON@relay.invalid", Return_Path="<>")
    assert meaning(message).word == BOUNCED
    assert meaning(mail(From="postmaster@x.invalid", To="a@b.invalid")) == Ignored(
        "delivery_report"
    )


# --- each once


def test_the_same_mail_has_the_same_id_and_two_mails_have_two():
    first, again = meaning(mail()), meaning(mail(Received="by elsewhere"))
    assert first.status_id == again.status_id
    assert meaning(mail(Message_ID="<2@sncf.invalid>")).status_id != first.status_id
    assert meaning(mail(Message_ID=None)).status_id == meaning(mail(Message_ID=None)).status_id
    assert len(first.status_id) <= 200


@pytest.mark.parametrize(
    "date", ["tomorrow", "", "Fri, 01 Jan 9999 00:00:00 GMT", "Mon, 23 Nov 2026 11:00:00 -0000"]
)
def test_a_date_that_cannot_be_believed_is_now(date):
    assert meaning(mail(Date=date or None)).at == NOW


def test_an_old_mail_keeps_its_date_and_a_far_too_old_one_does_not():
    assert meaning(mail(), now=NOW + timedelta(days=3)).at < NOW
    late = NOW + timedelta(days=90)
    assert meaning(mail(), now=late).at == late


# --- bad input


@given(st.binary(max_size=2000))
def test_any_bytes_mean_something(raw):
    assert isinstance(meaning(raw), PartnerStatus | Ignored | Unmatched)


@given(st.text(max_size=300), st.text(max_size=50))
def test_any_text_to_a_true_address_can_be_kept(text, subject):
    head = f"From: a@sncf.invalid\nTo: {OURS}\nSubject: {subject}\n"
    raw = f"{head}Content-Type: text/plain; charset=utf-8\n\n{text}".encode(
        "utf-8", "surrogatepass"
    )
    status = meaning(raw)
    if isinstance(status, PartnerStatus):
        assert 0 < len(status.word) <= 100
        kept = (status.message or "") + status.word
        assert "\x00" not in kept
        assert kept.encode()


def test_parts_within_parts_without_end_are_for_a_person_not_an_error():
    deep = "".join(f"Content-Type: multipart/mixed; boundary={n}\n\n--{n}\n" for n in range(3000))
    raw = f"From: a@sncf.invalid\nTo: {OURS}\n{deep}".encode()
    assert isinstance(meaning(raw), PartnerStatus | Unmatched)
