"""French business days: Monday to Friday but public holidays, in Paris. PURE."""

from collections.abc import Container, Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from functools import cache
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
_DAY = timedelta(days=1)


@cache
def public_holidays() -> Container[date]:
    """Those of the whole country; Alsace and Moselle, and overseas, have some more."""
    from holidays import country_holidays  # 15 MB: only for whom a calendar matters

    return country_holidays("FR")


def is_business_day(day: date) -> bool:
    return day.weekday() < 5 and day not in public_holidays()


def end_of_business_day(since: datetime, days: int) -> datetime:
    """The midnight in Paris that ends the `days`-th business day after the day of `since`."""
    day = since.astimezone(PARIS).date()
    for _ in range(days):
        day = next(each for each in _days(day, _DAY) if is_business_day(each))
    return midnight(day + _DAY)


def business_days_before(now: datetime, days: int) -> datetime:
    """The latest moment whose `days` business days are over now: what came before it is late.

    `end_of_business_day(since, days) <= now` exactly when `since` comes before it.
    """
    day = now.astimezone(PARIS).date()
    for _ in range(days):
        day = next(each for each in _days(day, -_DAY) if is_business_day(each))
    return midnight(day)


def midnight(day: date) -> datetime:
    """When this day begins in Paris, in UTC."""
    return datetime.combine(day, time_of_day(), PARIS).astimezone(UTC)


def _days(after: date, step: timedelta) -> Iterator[date]:
    while True:
        after += step
        yield after
