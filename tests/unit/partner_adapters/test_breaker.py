"""A partner's circuit breaker."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.partner_adapters.breaker import (
    Breaker,
    BreakerRules,
    BreakerState,
    about_to_call,
    after_failure,
    after_success,
    calls_allowed,
    held_until,
    opened_at_once,
)

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
RULES = BreakerRules(failures_to_open=3, first_pause=5, longest_pause=60)


def _failed(times, breaker=Breaker(), now=NOW):
    for _ in range(times):
        breaker = after_failure(breaker, RULES, now=now)
    return breaker


def _allowed(breaker, now, in_flight=0):
    return calls_allowed(breaker, now=now, free=8 - in_flight, in_flight=in_flight)


def test_it_opens_after_consecutive_failures_only():
    assert _failed(2).state is BreakerState.CLOSED
    assert _failed(3).state is BreakerState.OPEN
    assert _failed(2, after_success(_failed(2))).state is BreakerState.CLOSED


def test_nothing_is_called_while_it_is_open_and_one_probe_after():
    opened = _failed(3)
    assert _allowed(opened, NOW + timedelta(seconds=4)) == 0
    assert _allowed(opened, NOW + timedelta(seconds=5)) == 1
    assert _allowed(opened, NOW + timedelta(seconds=5), in_flight=1) == 0


def test_a_probe_that_fails_doubles_the_pause_and_one_that_succeeds_closes():
    probing = about_to_call(_failed(3))
    later = NOW + timedelta(seconds=5)
    again = after_failure(probing, RULES, now=later)
    assert (again.state, again.until) == (BreakerState.OPEN, later + timedelta(seconds=10))
    assert after_success(probing) == Breaker()


def test_calls_that_had_started_before_the_opening_do_not_prolong_it():
    opened = _failed(3)
    assert _failed(5, opened, now=NOW + timedelta(seconds=4)).until == opened.until


def test_an_affected_partner_opens_it_at_once():
    assert opened_at_once(Breaker(), RULES, now=NOW).state is BreakerState.OPEN


def test_a_pause_is_about_a_tenth_of_a_long_outage_and_at_most_the_longest():
    rules, breaker, now = BreakerRules(), Breaker(), NOW
    breaker = opened_at_once(breaker, rules, now=now)
    pauses = []
    while now < NOW + timedelta(hours=72):
        pauses.append((breaker.until - now).total_seconds())
        now = breaker.until
        breaker = after_failure(about_to_call(breaker), rules, now=now)
        lasted = (now - NOW).total_seconds()
        if lasted > 600:
            assert (breaker.until - now).total_seconds() <= min(0.1 * lasted + 80, 7200)
    assert pauses[:5] == [5, 10, 20, 40, 80]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 7200
    assert len(pauses) < 100  # of a thousand that wait, at most a tenth more calls


def test_a_partner_that_asks_for_rest_gets_it():
    held = held_until(Breaker(), NOW + timedelta(seconds=30))
    assert _allowed(held, NOW + timedelta(seconds=29)) == 0
    assert _allowed(held, NOW + timedelta(seconds=30)) == 1


@given(st.lists(st.sampled_from(["fail", "succeed", "call", "refuse_all"]), max_size=60))
def test_whatever_happens_the_pause_stays_within_bounds(happenings):
    breaker, now = Breaker(), NOW
    for happening in happenings:
        now += timedelta(seconds=1)
        breaker = {
            "fail": lambda b, now=now: after_failure(b, RULES, now=now),
            "succeed": after_success,
            "call": about_to_call,
            "refuse_all": lambda b, now=now: opened_at_once(b, RULES, now=now),
        }[happening](breaker)
        if breaker.state is BreakerState.OPEN:
            assert breaker.until <= now + timedelta(seconds=RULES.longest_pause)
        assert _allowed(breaker, now + timedelta(seconds=61)) > 0
