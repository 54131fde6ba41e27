"""The simulators and our own partner files must describe the same agencies."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

import services
from services.partner_simulators.agencies import (
    ALL_AGENCIES,
    QUEUE_AGENCY,
    QUEUE_AGENCY_FIELDS,
    REST_AGENCIES,
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


@pytest.mark.parametrize("partner_id", [*REST_AGENCIES, QUEUE_AGENCY])
def test_the_agency_takes_exactly_the_visitor_fields_we_may_send(partner_id: str) -> None:
    facts = REST_AGENCIES.get(partner_id)
    taken = facts.visitor_fields if facts else QUEUE_AGENCY_FIELDS
    assert taken == set(partner_file(partner_id)["permitted_fields"])
