"""How often a partner may be called: at most so many calls within so long. No clock of its own."""

from collections import deque
from datetime import datetime, timedelta


class Pace:
    """At most `most` calls in any stretch of time of the length `within`."""

    def __init__(self, *, most: int, within: timedelta) -> None:
        self._most = most
        self._within = within
        self._started: deque[datetime] = deque()

    def free(self, *, now: datetime) -> int:
        """How many calls may start now."""
        while self._started and now - self._started[0] >= self._within:
            self._started.popleft()
        return self._most - len(self._started)

    def took(self, calls: int, *, now: datetime) -> None:
        """So many calls start now."""
        self._started.extend([now] * calls)
