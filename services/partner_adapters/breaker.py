"""A partner's circuit breaker. PURE: states and instants in, states out.

closed: calls flow. open: none until `until`. half_open: one call at a time, the probe;
its success closes, its failure opens again for longer.

The pause doubles up to a minute, then grows by a tenth: it is about a tenth of what the outage
has lasted. So a partner back after an hour is noticed within minutes, and one away for three days
was called some eighty times, not four thousand: few calls beside those that deliver.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

_STEADY = 60.0
"""Seconds: from this pause on, the next is a tenth longer."""
_GROWTH = 1.1
_MOST_STEPS = 200


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True)
class BreakerRules:
    """Seconds."""

    failures_to_open: int = 5
    first_pause: float = 5.0
    longest_pause: float = 7200.0


@dataclass(frozen=True)
class Breaker:
    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    """Consecutive failed calls since the last success."""
    openings: int = 0
    """Consecutive openings since the last success."""
    until: datetime | None = None


def calls_allowed(breaker: Breaker, *, now: datetime, free: int, in_flight: int) -> int:
    """How many calls may start now, given the free places."""
    if breaker.state is BreakerState.CLOSED:
        return free
    if breaker.state is BreakerState.OPEN and breaker.until is not None and now < breaker.until:
        return 0
    return 1 if in_flight == 0 and free > 0 else 0


def about_to_call(breaker: Breaker) -> Breaker:
    """A call starts: an open breaker whose pause is over becomes half-open."""
    if breaker.state is BreakerState.OPEN:
        return replace(breaker, state=BreakerState.HALF_OPEN)
    return breaker


def after_success(_: Breaker) -> Breaker:
    """The partner answered as it should."""
    return Breaker()


def after_failure(breaker: Breaker, rules: BreakerRules, *, now: datetime) -> Breaker:
    """The partner did not answer, or not as it should."""
    failures = breaker.failures + 1
    if breaker.state is BreakerState.CLOSED and failures < rules.failures_to_open:
        return replace(breaker, failures=failures)
    if breaker.state is BreakerState.OPEN:
        # A call that had started before the opening: it says nothing new.
        return replace(breaker, failures=failures)
    return _opened(breaker, rules, failures=failures, now=now)


def opened_at_once(breaker: Breaker, rules: BreakerRules, *, now: datetime) -> Breaker:
    """Every call would fail alike (credentials, redirect): do not try five times."""
    if breaker.state is BreakerState.OPEN:
        return breaker
    return _opened(breaker, rules, failures=breaker.failures + 1, now=now)


def held_until(breaker: Breaker, until: datetime) -> Breaker:
    """The partner asked to be left alone until then."""
    if breaker.until is not None and breaker.state is BreakerState.OPEN:
        until = max(until, breaker.until)
    return replace(breaker, state=BreakerState.OPEN, until=until)


def asked_to_probe(breaker: Breaker, *, now: datetime) -> Breaker:
    """A person wants to know: an open breaker's pause ends."""
    if breaker.state is BreakerState.OPEN:
        return replace(breaker, until=now)
    return breaker


def taken_over(state: BreakerState) -> Breaker:
    """Of a partner that another process served: in trouble there, it is probed first here."""
    if state is BreakerState.CLOSED:
        return Breaker()
    return Breaker(state=BreakerState.OPEN, openings=1)


def _opened(breaker: Breaker, rules: BreakerRules, *, failures: int, now: datetime) -> Breaker:
    return Breaker(
        state=BreakerState.OPEN,
        failures=failures,
        openings=breaker.openings + 1,
        until=now + timedelta(seconds=_pause(breaker.openings, rules)),
    )


def _pause(openings: int, rules: BreakerRules) -> float:
    """How long to leave the partner alone after so many openings in a row; seconds."""
    doublings = max(0, math.ceil(math.log2(_STEADY / rules.first_pause)))
    quick = rules.first_pause * math.pow(2, min(openings, doublings))
    slow = math.pow(_GROWTH, min(max(openings - doublings, 0), _MOST_STEPS))
    return min(quick * slow, rules.longest_pause)
