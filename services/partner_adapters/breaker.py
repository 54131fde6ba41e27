"""A partner's circuit breaker. PURE: states and instants in, states out.

closed: calls flow. open: none until `until`. half_open: one call at a time, the probe;
its success closes, its failure opens again for twice as long.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True)
class BreakerRules:
    """`first_pause` doubles with each failed probe up to `longest_pause`; seconds."""

    failures_to_open: int = 5
    first_pause: float = 5.0
    longest_pause: float = 60.0


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


def taken_over(state: BreakerState) -> Breaker:
    """Of a partner that another process served: in trouble there, it is probed first here."""
    if state is BreakerState.CLOSED:
        return Breaker()
    return Breaker(state=BreakerState.OPEN, openings=1)


def _opened(breaker: Breaker, rules: BreakerRules, *, failures: int, now: datetime) -> Breaker:
    pause = min(rules.first_pause * 2 ** min(breaker.openings, 30), rules.longest_pause)
    return Breaker(
        state=BreakerState.OPEN,
        failures=failures,
        openings=breaker.openings + 1,
        until=now + timedelta(seconds=pause),
    )
