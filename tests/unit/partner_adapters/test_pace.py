"""How often a partner may be called."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.partner_adapters.pace import Pace

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_calls_are_free_again_when_they_are_old_enough():
    pace = Pace(most=2, within=timedelta(minutes=1))
    pace.took(2, now=NOON)
    assert pace.free(now=NOON + timedelta(seconds=59)) == 0
    assert pace.free(now=NOON + timedelta(seconds=60)) == 2


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0, 30), st.integers(0, 8)), min_size=1, max_size=50),
)
def test_no_stretch_of_the_length_ever_has_more_calls(most, wishes):
    within, now, calls = timedelta(seconds=60), NOON, []
    pace = Pace(most=most, within=within)
    for waited, wanted in wishes:
        now += timedelta(seconds=waited)
        taken = min(wanted, pace.free(now=now))
        pace.took(taken, now=now)
        calls += [now] * taken
    for first, last in zip(calls, calls[most:], strict=False):
        assert last - first >= within
