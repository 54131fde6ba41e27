"""What happens to a file at a simulated agency."""

from collections import Counter
from uuid import NAMESPACE_URL, uuid5

import pytest

from services.partner_simulators.casework import (
    OUTCOMES,
    Fate,
    Stage,
    fate_of,
    fate_ordered_in,
    next_stage,
)

REFERRALS = [str(uuid5(NAMESPACE_URL, f"referral-{number}")) for number in range(6000)]


def walk(fate: Fate, *, answered: bool) -> list[Stage]:
    stages = [Stage.RECEIVED]
    while (stage := next_stage(stages[-1], fate=fate, answered=answered)) is not None:
        stages.append(stage)
    return stages


def test_the_same_referral_always_has_the_same_fate() -> None:
    first = [fate_of(referral, outcome="mixed") for referral in REFERRALS]
    assert first == [fate_of(referral, outcome="mixed") for referral in REFERRALS]


def test_about_one_in_six_is_asked_and_one_in_twelve_is_refused() -> None:
    fates = [fate_of(referral, outcome="mixed") for referral in REFERRALS]
    asked = sum(fate.asks_first for fate in fates) / len(fates)
    refused = sum(fate.end == "refused" for fate in fates) / len(fates)
    assert 1 / 7 < asked < 1 / 5
    assert 1 / 15 < refused < 1 / 10


def test_every_refusal_reason_comes_up() -> None:
    reasons = Counter(fate_of(referral, outcome="mixed").reason for referral in REFERRALS)
    assert set(reasons) == {
        None,
        "not_competent",
        "outside_area",
        "duplicate",
        "incomplete",
        "other",
    }


def test_a_resolved_file_goes_straight_through() -> None:
    assert walk(OUTCOMES["resolved"], answered=False) == [
        Stage.RECEIVED,
        Stage.ACKNOWLEDGED,
        Stage.IN_PROGRESS,
        Stage.RESOLVED,
    ]


def test_a_question_waits_for_its_answer() -> None:
    assert walk(OUTCOMES["needs_information"], answered=False)[-1] is Stage.NEEDS_INFORMATION


def test_an_answered_question_puts_the_file_back_in_progress() -> None:
    fate = OUTCOMES["needs_information"]
    resumed = next_stage(Stage.NEEDS_INFORMATION, fate=fate, answered=True)
    assert resumed is Stage.IN_PROGRESS
    assert next_stage(resumed, fate=fate, answered=True) is Stage.RESOLVED


def test_an_ordered_refusal_carries_its_reason() -> None:
    fate = fate_of(REFERRALS[0], outcome="refused:outside_area")
    assert (fate.reason, walk(fate, answered=False)[-1]) == ("outside_area", Stage.REFUSED)


def test_an_outcome_nobody_knows_is_an_error() -> None:
    with pytest.raises(KeyError):
        fate_of(REFERRALS[0], outcome="perhaps")


def test_a_trial_says_itself_what_becomes_of_it() -> None:
    assert fate_ordered_in(b'{"text": "ESSAI-QUESTION: ..."}') == OUTCOMES["needs_information"]
    assert fate_ordered_in('{"text": "Un essai de réponse"}'.encode()) is None
