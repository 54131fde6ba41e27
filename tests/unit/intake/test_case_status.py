"""The status of a case, and that the order in which events come does not matter to it."""

from collections.abc import Iterable
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.case_facts import CaseFacts, add_event
from services.intake.case_status import CaseStatus, case_status
from shared.contracts.delivery_state import DeliveryState
from shared.contracts.events import Event
from shared.contracts.referral_status import ReferralStatus, RefusalReason
from tests.unit.intake.updates import (
    delivered,
    message,
    overdue,
    parked,
    reference,
    referral_of,
    resumed,
    routed,
    sent_to_triage,
    status,
)

S = ReferralStatus


def facts_of(*events: Event) -> CaseFacts:
    return reduce(add_event, events, CaseFacts())


def status_of(*events: Event) -> CaseStatus:
    return case_status(facts_of(*events))


def test_a_case_nobody_decided_is_received() -> None:
    assert status_of() is CaseStatus.RECEIVED


def test_an_unsure_router_puts_the_case_in_triage() -> None:
    assert status_of(sent_to_triage()) is CaseStatus.IN_TRIAGE


def test_a_case_no_partner_is_competent_for_is_out_of_scope() -> None:
    assert status_of(routed()) is CaseStatus.OUT_OF_SCOPE


def test_a_routed_case_is_with_its_agencies_until_the_last_has_finished() -> None:
    assert status_of(routed("caf", "edf")) is CaseStatus.WITH_AGENCIES
    one = status("caf", S.RESOLVED, number=2)
    assert status_of(routed("caf", "edf"), one) is CaseStatus.WITH_AGENCIES
    other = status("edf", S.REFUSED, number=2, reason=RefusalReason.DUPLICATE)
    assert status_of(routed("caf", "edf"), one, other) is CaseStatus.CLOSED


def test_a_question_of_one_agency_is_what_the_case_waits_for() -> None:
    asked = status("caf", S.NEEDS_INFORMATION, number=2)
    assert status_of(routed("caf", "edf"), asked) is CaseStatus.ANSWER_NEEDED
    goes_on = status("caf", S.IN_PROGRESS, number=3)
    assert status_of(routed("caf", "edf"), asked, goes_on) is CaseStatus.WITH_AGENCIES


@pytest.mark.parametrize("reason", [RefusalReason.NOT_COMPETENT, RefusalReason.OUTSIDE_AREA])
def test_a_referral_sent_back_is_in_triage_until_a_new_decision(reason: RefusalReason) -> None:
    back = status("caf", S.REFUSED, number=2, reason=reason)
    assert status_of(routed("caf"), back) is CaseStatus.IN_TRIAGE
    assert status_of(routed("caf"), back, sent_to_triage(number=2)) is CaseStatus.IN_TRIAGE
    again = routed("cpam", number=3)
    assert status_of(routed("caf"), back, again) is CaseStatus.WITH_AGENCIES
    nobody = routed(number=3)
    assert status_of(routed("caf"), back, nobody) is CaseStatus.OUT_OF_SCOPE


def test_a_referral_heard_of_before_its_decision_counts() -> None:
    assert status_of(delivered("caf")) is CaseStatus.WITH_AGENCIES


def test_a_recalled_referral_no_longer_counts() -> None:
    again = routed("cpam", number=2, recalled=(referral_of("caf"),))
    events = [routed("caf"), again, status("cpam", S.RESOLVED, number=2, decision=2)]
    assert status_of(*events) is CaseStatus.CLOSED


def test_a_withdrawn_case_stays_withdrawn() -> None:
    facts = facts_of(routed("caf"), status("caf", S.NEEDS_INFORMATION, number=2))
    assert case_status(facts.model_copy(update={"withdrawn": True})) is CaseStatus.WITHDRAWN


def test_a_late_delivered_never_hides_the_agency_s_word() -> None:
    facts = facts_of(status("caf", S.ACKNOWLEDGED, number=1), delivered("caf", number=2))
    referral = facts.referrals[referral_of("caf")]
    assert referral.status is S.ACKNOWLEDGED
    assert referral.delivery_state is DeliveryState.DELIVERED


def test_a_parked_answer_does_not_undo_the_first_delivery() -> None:
    facts = facts_of(delivered("caf", number=1), parked("caf", number=4))
    referral = facts.referrals[referral_of("caf")]
    assert (referral.status, referral.delivery_state) == (S.DELIVERED, DeliveryState.PARKED)
    assert (referral.partner_reference, referral.delivery_owner) == ("R1", "operations")


@pytest.mark.parametrize("order", [1, -1])
def test_a_reference_given_after_the_delivery_is_the_agency_s(order: int) -> None:
    lost_race = delivered("caf", number=1).model_copy(update={"partner_reference": None})
    facts = facts_of(*[lost_race, reference("caf", "CAF-7", number=3)][::order])
    referral = facts.referrals[referral_of("caf")]
    assert (referral.status, referral.partner_reference) == (S.DELIVERED, "CAF-7")


def test_what_a_person_let_go_on_is_parked_no_more() -> None:
    facts = facts_of(parked("caf", number=1), resumed("caf", number=2))
    referral = facts.referrals[referral_of("caf")]
    assert (referral.delivery_state, referral.delivery_owner) == (DeliveryState.DUE, None)
    facts = facts_of(
        delivered("caf"), parked("caf", number=2), resumed("caf", number=3, what="answer")
    )
    assert facts.referrals[referral_of("caf")].delivery_state is DeliveryState.DELIVERED


def test_a_message_that_cannot_be_mapped_needs_a_person_until_the_next_status() -> None:
    unread = facts_of(message("caf", number=2))
    assert unread.referrals[referral_of("caf")].needs_person
    read = add_event(unread, status("caf", S.IN_PROGRESS, number=3))
    assert not read.referrals[referral_of("caf")].needs_person


def test_an_overdue_referral_needs_a_person_until_the_agency_says_something() -> None:
    silent = facts_of(delivered("caf"), overdue("caf", number=2))
    assert silent.referrals[referral_of("caf")].needs_person
    heard = facts_of(
        delivered("caf"), overdue("caf", number=2), status("caf", S.ACKNOWLEDGED, number=3)
    )
    assert not heard.referrals[referral_of("caf")].needs_person


HISTORY: tuple[Event, ...] = (
    routed("caf", "edf", "mairie"),
    delivered("caf"),
    delivered("edf"),
    reference("edf", "EDF-7", number=9),
    status("caf", S.ACKNOWLEDGED, number=2),
    status("caf", S.NEEDS_INFORMATION, number=3),
    delivered("caf", number=4),
    parked("caf", number=5),
    resumed("caf", number=8, what="answer"),
    status("caf", S.IN_PROGRESS, number=6),
    message("caf", number=7),
    status("edf", S.REFUSED, number=2, reason=RefusalReason.NOT_COMPETENT),
    sent_to_triage(number=2),
    routed("engie", number=3, recalled=(referral_of("mairie"),)),
    delivered("engie", decision=3),
    status("engie", S.RESOLVED, number=2, decision=3),
)


@given(
    st.permutations(HISTORY).flatmap(
        lambda order: st.lists(st.sampled_from(HISTORY)).map(lambda again: [*order, *again])
    )
)
def test_any_order_and_any_repetition_give_the_same_facts(events: Iterable[Event]) -> None:
    told_in_order = facts_of(*HISTORY)
    told_anyhow = facts_of(*events)
    assert told_anyhow == told_in_order
    assert case_status(told_anyhow) is CaseStatus.WITH_AGENCIES
