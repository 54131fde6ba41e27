"""The statuses an agency keeps for those who come and ask, read from a cursor on."""

import json
import secrets
from collections import deque
from itertools import islice

from services.partner_simulators.office import StatusMessage

KEPT = 100_000


class StatusList:
    """The newest `kept` statuses, oldest first, as the JSON they go out as (it is smaller)."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self._life = secrets.token_hex(4)  # a cursor of an earlier life must not hide statuses
        self._statuses: deque[bytes] = deque(maxlen=kept)
        self._added = 0

    def add(self, message: StatusMessage) -> None:
        self._statuses.append(json.dumps(message, ensure_ascii=False).encode())
        self._added += 1

    def read(self, *, after: str | None, limit: int) -> tuple[list[bytes], str]:
        """At most `limit` statuses after the cursor, and the cursor to come back with.

        No cursor, or one from before a restart, starts at the oldest kept. Raises ValueError
        for what was never a cursor.
        """
        first_kept = self._added - len(self._statuses)
        start = max(self._position(after), first_kept)
        found = list(islice(self._statuses, start - first_kept, start - first_kept + limit))
        return found, f"{self._life}.{start + len(found)}"

    def _position(self, cursor: str | None) -> int:
        if not cursor:
            return 0
        life, _, position = cursor.partition(".")
        number = int(position)
        return min(number, self._added) if life == self._life else 0
