"""When an agency takes deliveries: by weekday, in Paris, closed on public holidays. PURE."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day

from services.partner_adapters.business_days import PARIS, midnight, public_holidays

Span = tuple[int, int]
"""From and until, in minutes of the day on the wall: 540, 1020 is 09:00 to 17:00."""

_MINUTES_OF_DAY = 24 * 60
_LONGEST_CLOSED = 366
"""Days."""


@dataclass(frozen=True)
class OpeningHours:
    """`weekdays`: the spans of Monday, Tuesday … Sunday, each in their order."""

    weekdays: Sequence[Sequence[Span]]
    open_on_holidays: bool = False


def is_open(hours: OpeningHours, at: datetime) -> bool:
    """Tell whether the agency takes deliveries at this moment."""
    return any(since <= at < until for since, until in _spans_of(hours, _day_of(at)))


def next_opening(hours: OpeningHours, at: datetime) -> datetime:
    """This moment if it is open then, or when it opens next. Raises `ValueError`: never."""
    day = _day_of(at)
    for days in range(_LONGEST_CLOSED):
        for since, until in _spans_of(hours, day + timedelta(days=days)):
            if at < until:
                return max(at, since)
    raise ValueError("it never opens")


def reopening(hours: OpeningHours | None, at: datetime) -> datetime | None:
    """When it opens again, if it is closed at this moment; None without hours: always open."""
    if hours is None or is_open(hours, at):
        return None
    return next_opening(hours, at)


def parse_span(text: str) -> Span:
    """Read `09:00-17:00`; the end may be 24:00. Raises `ValueError`."""
    since, _, until = text.partition("-")
    span = _minutes(since), _minutes(until)
    if not span[0] < span[1] <= _MINUTES_OF_DAY:
        raise ValueError("it must end after it begins, and by 24:00")
    return span


def _minutes(text: str) -> int:
    if text.strip() == "24:00":
        return _MINUTES_OF_DAY
    at = time_of_day.fromisoformat(text.strip())
    return at.hour * 60 + at.minute


def _day_of(at: datetime) -> date:
    return at.astimezone(PARIS).date()


def _spans_of(hours: OpeningHours, day: date) -> Iterator[tuple[datetime, datetime]]:
    if not hours.open_on_holidays and day in public_holidays():
        return
    for since, until in hours.weekdays[day.weekday()]:
        yield _instant(day, since), _instant(day, until)


def _instant(day: date, minutes: int) -> datetime:
    """The moment the clocks on the wall show it, whatever the season."""
    if minutes == _MINUTES_OF_DAY:
        return midnight(day + timedelta(days=1))
    at = time_of_day(minutes // 60, minutes % 60)
    return datetime.combine(day, at, PARIS).astimezone(UTC)
