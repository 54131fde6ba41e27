"""When to try again. PURE.

The default is the schedule that Standard Webhooks recommends: ten attempts over about
75 hours (standard-webhooks specification, "Deliverability and reliability").
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

DEFAULT_DELAYS: tuple[float, ...] = tuple(
    delay * 1.0 for delay in (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""Seconds before each attempt, counted from the failure before it; the first is immediate."""

JITTER = 0.1
"""A delay is lengthened by up to this share, so that rows of one outage spread out."""

SHORTEST_RETRY_AFTER = 1.0
LONGEST_RETRY_AFTER = 24 * 3600.0
"""Seconds; a partner that asks for less or more than these is asked again after these."""


def next_attempt_at(
    *,
    now: datetime,
    first_failed_at: datetime,
    failures: int,
    delays: Sequence[float],
    retry_after: float | None,
    jitter: float,
) -> datetime | None:
    """When to try again after `failures` failures (1 or more), or None: give up.

    A partner that says when (`retry_after`, seconds) is obeyed and uses up no attempt; then
    only the schedule's whole length since the first failure ends it. `jitter`: in [0, 1).
    """
    if retry_after is None:
        if failures >= len(delays):
            return None
        delay = delays[failures]
    else:
        if now - first_failed_at >= timedelta(seconds=sum(delays)):
            return None
        delay = min(max(retry_after, SHORTEST_RETRY_AFTER), LONGEST_RETRY_AFTER)
    return now + timedelta(seconds=delay * (1 + JITTER * jitter))
