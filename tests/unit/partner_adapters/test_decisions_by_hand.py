"""What a person at operations makes of a referral."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.partner_adapters.decisions_by_hand import (
    HeldStatus,
    decide_uncertain,
    repair_statuses,
    send_again,
)
from services.partner_adapters.referral_progress import (
    DeliveryProgress,
    DeliveryRules,
    ReferralProgress,
    move_to,
    tell_message,
)
from services.partner_adapters.retry_schedule import DEFAULT_DELAYS
from services.partner_adapters.status_words import Meaning
from shared.contracts.delivery_state import DeliveryState, may_become
from shared.contracts.referral_status import ReferralStatus

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
S, D = ReferralStatus, DeliveryState


def rules(after_unknown="resend"):
    return DeliveryRules(
        delays=DEFAULT_DELAYS, after_unknown=after_unknown, look_up_after=timedelta(seconds=30)
    )


def delivery(state, **given):
    return DeliveryProgress(
        delivery_id=uuid4(),
        what="referral",
        position=1,
        state=state,
        due_at=NOW + timedelta(hours=5),
        epoch=10,
        **given,
    )


def referral(of, status=S.ISSUED):
    return ReferralProgress(
        referral_id=UUID(int=1),
        case_id=UUID(int=2),
        partner_id="caf",
        status=status,
        deliveries=[of],
    )


def resent(of, *, after_unknown="resend"):
    return send_again(referral(of), of, rules=rules(after_unknown), by="nadia", now=NOW)


def test_a_parked_delivery_goes_on_with_a_new_schedule_and_says_who_decided_it():
    parked = delivery(D.PARKED, failures=10, first_failed_at=NOW, reason="http_422", owner="o")
    [event] = resent(parked)
    assert (event.TYPE, event.resumed_by, event.what) == (
        "referral.delivery_resumed.v1",
        "nadia",
        "referral",
    )
    assert (parked.state, parked.due_at, parked.failures) == (D.DUE, NOW, 0)
    assert (parked.first_failed_at, parked.reason, parked.owner) == (None, None, None)
    assert may_become(D.PARKED, D.DUE)


def test_what_waits_is_only_brought_forward():
    waiting = delivery(D.DUE, failures=3, first_failed_at=NOW)
    assert resent(waiting) == []
    assert (waiting.due_at, waiting.failures) == (NOW, 3)


@pytest.mark.parametrize(("after_unknown", "seconds"), [("resend", 0), ("look_up", 20)])
def test_a_look_up_never_comes_early_even_by_hand(after_unknown, seconds):
    sent = delivery(D.DUE, may_have_been_sent=True, sending_since=NOW - timedelta(seconds=10))
    resent(sent, after_unknown=after_unknown)
    assert sent.due_at == NOW + timedelta(seconds=seconds)


def decided(of, **decision):
    return decide_uncertain(of, of.main_delivery, by="nadia", now=NOW, **decision)


def test_an_uncertain_delivery_that_was_received_is_delivered_under_the_agencys_reference():
    of = referral(delivery(D.UNCERTAIN, may_have_been_sent=True))
    [event] = decided(of, was_received=True, partner_reference="CAF-9")
    assert (event.TYPE, event.partner_reference) == ("referral.delivered.v1", "CAF-9")
    assert (of.status, of.main_delivery.state) == (S.DELIVERED, D.DELIVERED)


def test_an_uncertain_delivery_that_was_not_received_is_due_and_was_certainly_never_sent():
    of = referral(delivery(D.UNCERTAIN, may_have_been_sent=True))
    [event] = decided(of, was_received=False, partner_reference=None)
    assert event.TYPE == "referral.delivery_resumed.v1"
    assert (of.main_delivery.state, of.main_delivery.may_have_been_sent) == (D.DUE, False)


def held(status, minutes):
    meaning = None if status is None else Meaning(status)
    return HeldStatus(at=NOW + timedelta(minutes=minutes), sealed=f"v1.{minutes}", meaning=meaning)


def unread(status=S.DELIVERED):
    """A referral of which something was said that nobody understood."""
    of = referral(delivery(D.DELIVERED), status)
    tell_message(of, sealed="v1", at=NOW, now=NOW, needs_person=True)
    return of


def test_held_statuses_move_the_referral_in_the_order_they_were_said():
    of = unread()
    repaired, events = repair_statuses(
        of, [held(S.ACKNOWLEDGED, 1), held(S.IN_PROGRESS, 2), held(S.ACKNOWLEDGED, 3)], now=NOW
    )
    assert repaired == ["moved", "moved", "kept"]
    assert [event.status for event in events] == [S.ACKNOWLEDGED, S.IN_PROGRESS]
    assert (of.status, of.needs_person) == (S.IN_PROGRESS, False)


def test_a_held_status_older_than_the_present_one_moves_nothing_backwards():
    of = unread()
    move_to(of, S.NEEDS_INFORMATION, at=NOW + timedelta(minutes=5), now=NOW + timedelta(minutes=5))
    of.needs_person = False
    repaired, events = repair_statuses(of, [held(S.IN_PROGRESS, 1)], now=NOW)
    assert (repaired, events, of.status) == (["kept"], [], S.NEEDS_INFORMATION)


def test_a_repaired_status_that_moves_nothing_takes_the_call_for_a_person_back():
    of = unread(S.ACKNOWLEDGED)
    repaired, [event] = repair_statuses(of, [held(S.ACKNOWLEDGED, 1)], now=NOW)
    assert repaired == ["kept"]
    assert (event.TYPE, event.needs_person) == ("referral.message_received.v1", False)


def test_another_word_that_is_still_unknown_goes_on_calling_for_a_person():
    of = unread()
    repaired, events = repair_statuses(of, [held(S.ACKNOWLEDGED, 1), held(None, 2)], now=NOW)
    assert repaired == ["moved", "unknown_word"]
    assert [event.TYPE for event in events] == [
        "referral.status_changed.v1",
        "referral.message_received.v1",
    ]
    assert (events[-1].needs_person, events[-1].sealed, of.needs_person) == (True, "v1.2", True)


def test_of_two_statuses_that_go_both_ways_the_one_said_later_holds():
    of = referral(delivery(D.DELIVERED), S.DELIVERED)
    assert move_to(of, S.NEEDS_INFORMATION, at=NOW, now=NOW)
    assert move_to(of, S.IN_PROGRESS, at=NOW - timedelta(minutes=1), now=NOW) == []
    assert move_to(of, S.IN_PROGRESS, at=NOW + timedelta(minutes=1), now=NOW)
    assert of.status is S.IN_PROGRESS


def test_an_agency_whose_clock_runs_ahead_does_not_make_all_that_follows_late():
    of = referral(delivery(D.DELIVERED), S.DELIVERED)
    assert move_to(of, S.IN_PROGRESS, at=NOW + timedelta(days=900), now=NOW)
    later = NOW + timedelta(hours=1)
    assert move_to(of, S.NEEDS_INFORMATION, at=later, now=later)
