"""How the simulated agencies speak."""

import pytest

from services.partner_simulators.agencies import ALL_AGENCIES
from services.partner_simulators.casework import REASONS, Stage
from services.partner_simulators.words import reason_word, sentence, status_word

SPOKEN = [stage for stage in Stage if stage is not Stage.RECEIVED]


@pytest.mark.parametrize("partner_id", ALL_AGENCIES)
def test_every_agency_has_a_distinct_word_for_every_stage(partner_id: str) -> None:
    assert len({status_word(partner_id, stage) for stage in SPOKEN}) == len(SPOKEN)


@pytest.mark.parametrize("partner_id", ALL_AGENCIES)
def test_every_agency_asks_questions_and_explains_refusals_in_sentences(partner_id: str) -> None:
    asked = sentence(partner_id, Stage.NEEDS_INFORMATION, referral_id="r", reason=None)
    refused = sentence(partner_id, Stage.REFUSED, referral_id="r", reason="incomplete")
    resolved = sentence(partner_id, Stage.RESOLVED, referral_id="r", reason=None)
    assert asked and refused and resolved
    assert all(said[-1] in ".?" for said in (asked, refused, resolved))


def test_engie_and_the_portal_refuse_in_english_and_the_others_in_french() -> None:
    assert [reason_word("engie", reason) for reason in REASONS] == list(REASONS)
    assert [reason_word("mairie", reason) for reason in REASONS] == list(REASONS)
    assert reason_word("caf", "not_competent") == "hors_competence"
    assert reason_word("sncf", "duplicate") == "doublon"
