"""The simulators and our own partner files must describe the same agencies."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

import services
from services.partner_simulators.agencies import (
    ALL_AGENCIES,
    MAIL_AGENCY,
    MAIL_AGENCY_ADDRESS,
    MAIL_AGENCY_FIELDS,
    QUEUE_AGENCY,
    QUEUE_AGENCY_FIELDS,
    REST_AGENCIES,
    SFTP_AGENCY,
    SFTP_AGENCY_FIELDS,
    SFTP_AGENCY_USER,
    SOAP_AGENCY,
    SOAP_AGENCY_FIELDS,
    WEBHOOK_AGENCY,
    WEBHOOK_AGENCY_FIELDS,
)
from services.partner_simulators.casework import REASONS, Stage
from services.partner_simulators.words import reason_word, status_word

PARTNER_FILES = Path(services.__file__).parent / "partner_adapters" / "partners"


def partner_file(partner_id: str) -> dict[str, Any]:
    return tomllib.loads((PARTNER_FILES / f"{partner_id}.toml").read_text())


@pytest.mark.parametrize("partner_id", ALL_AGENCIES)
def test_our_side_understands_every_word_the_agency_says(partner_id: str) -> None:
    ours = partner_file(partner_id)
    spoken = [stage for stage in Stage if stage is not Stage.RECEIVED]
    assert {ours["statuses"][status_word(partner_id, stage)] for stage in spoken} == set(spoken)
    understood = [ours["refusal_reasons"][reason_word(partner_id, reason)] for reason in REASONS]
    assert understood == list(REASONS)


VISITOR_FIELDS = {
    **{partner_id: facts.visitor_fields for partner_id, facts in REST_AGENCIES.items()},
    SOAP_AGENCY: SOAP_AGENCY_FIELDS,
    WEBHOOK_AGENCY: WEBHOOK_AGENCY_FIELDS,
    MAIL_AGENCY: MAIL_AGENCY_FIELDS,
    SFTP_AGENCY: SFTP_AGENCY_FIELDS,
    QUEUE_AGENCY: QUEUE_AGENCY_FIELDS,
}


@pytest.mark.parametrize("partner_id", VISITOR_FIELDS)
def test_the_agency_takes_exactly_the_visitor_fields_we_may_send(partner_id: str) -> None:
    assert VISITOR_FIELDS[partner_id] == set(partner_file(partner_id)["permitted_fields"])


def test_mails_go_to_the_address_where_the_agency_reads_them() -> None:
    assert partner_file(MAIL_AGENCY)["settings"]["recipient"] == MAIL_AGENCY_ADDRESS


def test_we_sign_in_at_the_file_server_as_the_user_it_knows() -> None:
    assert partner_file(SFTP_AGENCY)["credentials"]["username"] == SFTP_AGENCY_USER


def test_both_sides_have_the_same_wsdl() -> None:
    ours = PARTNER_FILES.parent / "soap" / "dossiers.wsdl"
    theirs = Path(services.__file__).parent / "partner_simulators" / "dossiers.wsdl"
    assert ours.read_bytes() == theirs.read_bytes()
