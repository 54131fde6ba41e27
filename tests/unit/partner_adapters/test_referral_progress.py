"""How a referral and its deliveries move on."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.partner_adapters.referral_progress import (
    DeliveryProgress,
    DeliveryRules,
    Outcome,
    ReferralProgress,
    move_to,
    prove_delivered,
    recall,
    settle,
)
from services.partner_adapters.retry_schedule import DEFAULT_DELAYS
from shared.contracts.delivery_state import DeliveryState, may_become
from shared.contracts.referral_status import ReferralStatus, is_final

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
S, D = ReferralStatus, DeliveryState


def rules(after_unknown="resend"):
    return DeliveryRules(
        delays=DEFAULT_DELAYS, after_unknown=after_unknown, look_up_after=timedelta(seconds=30)
    )


def sending(what="referral", position=1, **given_):
    return DeliveryProgress(
        delivery_id=uuid4(),
        what=what,
        position=position,
        state=D.SENDING,
        due_at=NOW,
        epoch=1,
        **given_,
    )


def referral(*deliveries, status=S.ISSUED):
    return ReferralProgress(
        referral_id=UUID(int=1),
        case_id=UUID(int=2),
        partner_id="caf",
        status=status,
        deliveries=list(deliveries) or [sending()],
    )


def ended(of, kind, *, after_unknown="resend", delivery=None, **outcome):
    return settle(
        of,
        delivery or of.main_delivery,
        Outcome(kind=kind, reason=None if kind == "accepted" else "because", **outcome),
        rules=rules(after_unknown),
        started_at=NOW - timedelta(seconds=10),
        now=NOW,
        jitter=0.0,
    )


def test_an_accepted_referral_is_delivered_with_its_reference():
    of = referral()
    [event] = ended(of, "accepted", partner_reference="CAF-1")
    assert (event.TYPE, event.number, event.partner_reference) == (
        "referral.delivered.v1",
        1,
        "CAF-1",
    )
    assert (of.status, of.main_delivery.state) == (S.DELIVERED, D.DELIVERED)


def test_a_refused_referral_is_parked_for_a_person_and_not_retried():
    of = referral()
    [event] = ended(of, "refused")
    assert (event.TYPE, event.owner) == ("referral.delivery_parked.v1", "operations")
    assert of.main_delivery.state is D.PARKED


def test_an_unavailable_partner_is_tried_again_on_the_schedule_and_then_parked():
    of = referral()
    for attempt in range(1, len(DEFAULT_DELAYS)):
        assert ended(of, "unavailable") == []
        assert of.main_delivery.due_at == NOW + timedelta(seconds=DEFAULT_DELAYS[attempt])
        of.main_delivery.state = D.SENDING
    [event] = ended(of, "unavailable")
    assert (event.TYPE, event.reason) == ("referral.delivery_parked.v1", "gave_up_because")


def test_trouble_with_the_partner_as_a_whole_uses_up_no_attempt():
    of = referral()
    for _ in range(50):
        of.main_delivery.state = D.SENDING
        assert ended(of, "needs_attention") == []
    assert (of.main_delivery.state, of.main_delivery.failures) == (D.DUE, 0)


@pytest.mark.parametrize(
    ("after_unknown", "state"),
    [("resend", D.DUE), ("look_up", D.DUE), ("uncertain", D.UNCERTAIN)],
)
def test_an_unknown_outcome_goes_the_partners_way(after_unknown, state):
    of = referral()
    events = ended(of, "unknown", after_unknown=after_unknown)
    assert (of.main_delivery.state, of.main_delivery.may_have_been_sent) == (state, True)
    assert [event.TYPE for event in events] == (
        ["referral.delivery_uncertain.v1"] if state is D.UNCERTAIN else []
    )


def test_a_look_up_waits_until_the_partner_can_no_longer_be_working_on_it():
    of = referral()
    ended(of, "unknown", after_unknown="look_up")
    assert of.main_delivery.due_at == NOW + timedelta(seconds=20)


def test_an_answer_of_unknown_outcome_is_sent_again_even_where_referrals_are_uncertain():
    answer = sending("answer", position=2)
    of = referral(sending(), answer, status=S.NEEDS_INFORMATION)
    of.main_delivery.state = D.DELIVERED
    assert ended(of, "unknown", after_unknown="uncertain", delivery=answer) == []
    assert answer.state is D.DUE


def test_a_callback_before_the_record_proves_the_delivery_once():
    of = referral()
    assert [event.TYPE for event in prove_delivered(of, now=NOW)] == ["referral.delivered.v1"]
    assert prove_delivered(of, now=NOW) == []


def test_a_recall_before_sending_cancels_and_tells_nobody():
    of = referral(sending())
    of.main_delivery.state = D.DUE
    [event], withdrawal = recall(of, withdrawal_id=uuid4(), at=NOW, now=NOW)
    assert (event.status, withdrawal, of.main_delivery.state) == (S.WITHDRAWN, None, D.CANCELLED)


@pytest.mark.parametrize("state", [D.SENDING, D.DELIVERED])
def test_a_recall_after_sending_withdraws_there_too(state):
    of = referral(sending())
    of.main_delivery.state = state
    _, withdrawal = recall(of, withdrawal_id=uuid4(), at=NOW, now=NOW)
    assert (withdrawal.what, withdrawal.position, withdrawal.state) == ("withdrawal", 2, D.DUE)


@pytest.mark.parametrize(
    ("outcome", "referral_state", "withdrawal_state"),
    [
        ("accepted", D.DELIVERED, D.DUE),
        ("unavailable", D.CANCELLED, D.CANCELLED),
        ("refused", D.CANCELLED, D.CANCELLED),
        ("unknown", D.CANCELLED, D.DUE),
    ],
)
def test_a_call_that_was_under_way_at_the_recall(outcome, referral_state, withdrawal_state):
    of = referral()
    _, withdrawal = recall(of, withdrawal_id=uuid4(), at=NOW, now=NOW)
    ended(of, outcome)
    assert (of.main_delivery.state, withdrawal.state) == (referral_state, withdrawal_state)
    assert of.status is S.WITHDRAWN


def test_a_second_recall_changes_nothing():
    of = referral()
    recall(of, withdrawal_id=uuid4(), at=NOW, now=NOW)
    assert recall(of, withdrawal_id=uuid4(), at=NOW, now=NOW) == ([], None)


MOVES = st.sampled_from(
    [
        *(("status", status) for status in S),
        ("recall", None),
        ("proof", None),
        *(("outcome", kind) for kind in ("accepted", "unavailable", "unknown", "refused")),
    ]
)


@given(st.lists(MOVES, max_size=25), st.sampled_from(["resend", "look_up", "uncertain"]))
def test_whatever_happens_numbers_grow_by_one_and_nothing_final_moves(moves, after_unknown):
    of = referral()
    numbers = []
    for kind, what in moves:
        before, states = of.status, [each.state for each in of.deliveries]
        if kind == "status":
            events = move_to(of, what, at=NOW, now=NOW)
        elif kind == "recall":
            events, _ = recall(of, withdrawal_id=uuid4(), at=NOW, now=NOW)
        elif kind == "proof":
            events = prove_delivered(of, now=NOW)
        else:
            at_work = [each for each in of.deliveries if each.state in {D.SENDING, D.DUE}]
            if not at_work:
                continue
            at_work[0].state = D.SENDING
            states = [each.state for each in of.deliveries]
            events = ended(of, what, after_unknown=after_unknown, delivery=at_work[0])
        numbers += [event.number for event in events]
        assert not is_final(before) or of.status is before
        for was, each in zip(states, of.deliveries, strict=False):
            assert each.state is was or may_become(was, each.state)
    assert numbers == list(range(1, len(numbers) + 1)) and of.number == len(numbers)
