"""When to try again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.partner_adapters.retry_schedule import (
    DEFAULT_DELAYS,
    LONGEST_RETRY_AFTER,
    next_attempt_at,
)

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def _next(failures, *, retry_after=None, since=timedelta(0), jitter=0.0, delays=DEFAULT_DELAYS):
    return next_attempt_at(
        now=NOW,
        first_failed_at=NOW - since,
        failures=failures,
        delays=delays,
        retry_after=retry_after,
        jitter=jitter,
    )


def test_the_default_schedule_is_ten_attempts_over_about_75_hours():
    assert len(DEFAULT_DELAYS) == 10
    assert timedelta(hours=74) < timedelta(seconds=sum(DEFAULT_DELAYS)) < timedelta(hours=76)


def test_the_second_attempt_comes_after_five_seconds():
    assert _next(1) == NOW + timedelta(seconds=5)


def test_after_the_last_attempt_it_gives_up():
    assert _next(len(DEFAULT_DELAYS) - 1) is not None
    assert _next(len(DEFAULT_DELAYS)) is None


def test_a_partner_that_says_when_is_obeyed_even_after_the_last_attempt():
    assert _next(10, retry_after=120) == NOW + timedelta(seconds=120)


def test_a_partner_that_says_later_for_ever_ends_with_the_whole_schedule():
    assert _next(1, retry_after=60, since=timedelta(hours=77)) is None


@given(
    failures=st.integers(1, 20),
    retry_after=st.none() | st.floats(0, 1e9),
    jitter=st.floats(0, 1, exclude_max=True),
    delays=st.lists(st.floats(0, 1e5), min_size=1, max_size=12),
)
def test_the_next_attempt_is_never_in_the_past_and_never_out_of_bounds(
    failures, retry_after, jitter, delays
):
    due_at = _next(failures, retry_after=retry_after, jitter=jitter, delays=delays)
    if due_at is not None:
        longest = max([*delays, LONGEST_RETRY_AFTER])
        assert NOW <= due_at <= NOW + timedelta(seconds=1.1 * longest + 1)
