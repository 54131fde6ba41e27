"""When an agency takes deliveries."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.partner_adapters.business_days import PARIS
from services.partner_adapters.opening_hours import (
    OpeningHours,
    is_open,
    next_opening,
    parse_span,
    reopening,
)

OFFICE = [parse_span("09:00-12:00"), parse_span("13:30-17:00")]
HOURS = OpeningHours(weekdays=[OFFICE, OFFICE, OFFICE, OFFICE, [parse_span("09:00-12:00")], [], []])
ALWAYS = OpeningHours(weekdays=[[parse_span("00:00-24:00")]] * 7, open_on_holidays=True)


def paris(*when):
    return datetime(*when, tzinfo=PARIS)


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        (paris(2026, 11, 23, 8, 59), paris(2026, 11, 23, 9)),
        (paris(2026, 11, 23, 9), paris(2026, 11, 23, 9)),
        (paris(2026, 11, 23, 12), paris(2026, 11, 23, 13, 30)),
        (paris(2026, 11, 23, 17), paris(2026, 11, 24, 9)),
        (paris(2026, 11, 27, 12), paris(2026, 11, 30, 9)),  # Friday noon: Monday
        (paris(2026, 7, 13, 17), paris(2026, 7, 15, 9)),  # over the 14th
        (paris(2026, 4, 3, 12), paris(2026, 4, 7, 9)),  # over Easter Monday
        (paris(2026, 3, 27, 12), paris(2026, 3, 30, 9)),  # over the change to summer time
        (paris(2026, 10, 23, 12), paris(2026, 10, 26, 9)),  # and back
    ],
)
def test_what_comes_outside_waits_for_the_opening(at, opens):
    assert next_opening(HOURS, at) == opens
    assert is_open(HOURS, at) is (at == opens)


@pytest.mark.parametrize(("month", "hours"), [(3, 23), (10, 25)])
def test_a_day_on_which_the_clocks_change_is_open_as_long_as_it_lasts(month, hours):
    day = paris(2026, month, 29 if month == 3 else 25).astimezone(UTC)
    moments = [day + timedelta(minutes=10 * n) for n in range(6 * hours)]
    assert all(is_open(ALWAYS, at) for at in moments)
    assert moments[-1].astimezone(PARIS).date() == day.astimezone(PARIS).date()


def test_nine_in_the_morning_is_nine_on_the_wall_in_every_season():
    winter, summer = paris(2026, 1, 7, 0, 1), paris(2026, 7, 7, 0, 1)
    assert next_opening(HOURS, winter).astimezone(UTC).hour == 8
    assert next_opening(HOURS, summer).astimezone(UTC).hour == 7


@given(
    st.integers(0, 730 * 24 * 60).map(
        lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n)
    )
)
def test_the_next_opening_is_open_and_nothing_before_it_is(at):
    opens = next_opening(HOURS, at)
    assert opens >= at and is_open(HOURS, opens)
    assert opens == at or not is_open(HOURS, at)
    assert opens == at or not is_open(HOURS, opens - timedelta(minutes=1))


@pytest.mark.parametrize(
    "text", ["9h-17h", "17:00-09:00", "09:00", "09:00-25:00", "", "12:00-12:00"]
)
def test_a_span_that_makes_no_sense_is_refused(text):
    with pytest.raises(ValueError):
        parse_span(text)


def test_only_what_is_closed_opens_again():
    closed, opened = paris(2026, 11, 23, 12, 30), paris(2026, 11, 23, 14)
    assert reopening(HOURS, closed) == paris(2026, 11, 23, 13, 30)
    assert reopening(HOURS, opened) is None
    assert reopening(None, closed) is None
