"""French business days."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.partner_adapters.business_days import (
    PARIS,
    business_days_before,
    end_of_business_day,
    is_business_day,
)


@pytest.mark.parametrize(
    "holiday",
    [
        date(2026, 7, 14),
        date(2026, 4, 6),  # Easter Monday
        date(2027, 3, 29),  # and of the next year
        date(2026, 5, 14),  # Ascension
        date(2026, 11, 11),
    ],
)
def test_public_holidays_are_no_business_days(holiday):
    assert holiday.weekday() < 5 and not is_business_day(holiday)


def test_good_friday_is_one_outside_alsace():
    assert is_business_day(date(2026, 4, 3))


def paris(*when):
    return datetime(*when, tzinfo=PARIS)


@pytest.mark.parametrize(
    ("since", "days", "end"),
    [
        (paris(2026, 11, 23, 12), 1, paris(2026, 11, 25)),  # Monday: until Tuesday evening
        (paris(2026, 11, 27, 18), 1, paris(2026, 12, 1)),  # Friday: Monday
        (paris(2026, 11, 28, 9), 1, paris(2026, 12, 1)),  # Saturday too
        (paris(2026, 7, 13, 9), 2, paris(2026, 7, 17)),  # the 14th does not count
        (paris(2026, 4, 2, 9), 2, paris(2026, 4, 8)),  # Thursday before Easter
        (paris(2026, 3, 27, 12), 1, paris(2026, 3, 31)),  # over the change to summer time
    ],
)
def test_a_deadline_ends_with_a_business_day(since, days, end):
    assert end_of_business_day(since, days) == end


MOMENTS = st.integers(0, 730 * 24 * 60).map(
    lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n)
)


@given(MOMENTS, MOMENTS, st.integers(1, 30))
def test_both_ways_of_counting_agree(since, now, days):
    assert (end_of_business_day(since, days) <= now) is (since < business_days_before(now, days))


@given(MOMENTS, st.integers(1, 30))
def test_a_deadline_leaves_at_least_that_many_days(since, days):
    assert end_of_business_day(since, days) - since >= timedelta(days=days)
