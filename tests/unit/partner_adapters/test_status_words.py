"""A partner's words, and what is kept of its answers."""

from services.partner_adapters.partner_answer import LONGEST, redacted
from services.partner_adapters.status_words import Meaning, StatusWords, meaning_of
from shared.contracts.referral_status import ReferralStatus, RefusalReason

WORDS = StatusWords(
    statuses={"ACCUSE": ReferralStatus.ACKNOWLEDGED, "REJETE": ReferralStatus.REFUSED},
    refusal_reasons={"hors_competence": RefusalReason.NOT_COMPETENT},
)


def test_a_known_word_is_translated():
    assert meaning_of(WORDS, word="ACCUSE", reason_word=None) == Meaning(
        ReferralStatus.ACKNOWLEDGED
    )
    assert meaning_of(WORDS, word="REJETE", reason_word="hors_competence") == Meaning(
        ReferralStatus.REFUSED, RefusalReason.NOT_COMPETENT
    )


def test_an_unknown_word_is_never_guessed():
    assert meaning_of(WORDS, word="accuse", reason_word=None) is None
    assert meaning_of(WORDS, word="REJETE", reason_word="trop_tard") is None


def test_a_refusal_without_a_reason_is_for_another_one():
    assert meaning_of(WORDS, word="REJETE", reason_word=None) == Meaning(
        ReferralStatus.REFUSED, RefusalReason.OTHER
    )


def test_credentials_are_not_kept_of_an_answer():
    answer = '{"access_token": "abc.def", "api_key":"k1"} Authorization: Bearer abcdefghijkl'
    kept = redacted(answer)
    assert "abc.def" not in kept
    assert '"k1"' not in kept
    assert "abcdefghijkl" not in kept


def test_an_answer_is_cut_at_4_kb_of_utf8_and_can_be_stored():
    kept = redacted("é\x00" * 10_000)
    assert len(kept.encode()) <= LONGEST
    assert "\x00" not in kept
