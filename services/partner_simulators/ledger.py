"""What an agency was given, all of it, so that tests can tell what was lost or sent twice.

The bodies lie in an unnamed temporary file: memory grows by an index entry a referral only.
"""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Literal

What = Literal["referral", "answer", "withdrawal"]


@dataclass(slots=True)
class _Entry:
    referral_id: str
    what: What
    received_at: str
    reference: str | None
    times: int
    presented: int
    offset: int
    length: int


class Ledger:
    """The entries of one agency, oldest first; one a referral, an answer or a withdrawal."""

    def __init__(self) -> None:
        self._entries: dict[tuple[What, str], _Entry] = {}
        self._bodies: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as we do
        self._end = 0

    def record(
        self,
        what: What,
        key: str,
        *,
        referral_id: str,
        body: bytes,
        received_at: str,
        reference: str | None,
        accepted_as_new: bool,
    ) -> None:
        """Write down one thing received.

        `key` tells repetitions: the referral id, or the answer id for an answer.
        `accepted_as_new` is False when the agency recognised it and did nothing; an agency
        that does not recognise repetitions accepts the same key several times.
        """
        entry = self._entries.get((what, key))
        if entry is None:
            self._bodies.seek(self._end)
            self._bodies.write(body)
            entry = _Entry(referral_id, what, received_at, reference, 0, 0, self._end, len(body))
            self._end += len(body)
            self._entries[what, key] = entry
        entry.presented += 1
        entry.times += accepted_as_new

    @property
    def duplicates(self) -> int:
        """How many files too many were opened, over all referrals."""
        return sum(max(entry.times - 1, 0) for entry in self._entries.values())

    def entries(self, *, bodies: bool = True) -> Iterator[dict[str, Any]]:
        """Every entry as plain data; `times` accepted as new, `presented` received in all."""
        for entry in list(self._entries.values()):
            shown: dict[str, Any] = {
                "referral_id": entry.referral_id,
                "what": entry.what,
                "received_at": entry.received_at,
                "times": entry.times,
                "presented": entry.presented,
                "reference": entry.reference,
            }
            if bodies:
                self._bodies.seek(entry.offset)
                shown["body"] = json.loads(self._bodies.read(entry.length))
            yield shown

    def clear(self) -> None:
        """Forget every entry; the agency keeps its files and still recognises repetitions."""
        self._entries.clear()  # the bodies stay: somebody may be reading the list right now

    def close(self) -> None:
        """Give the temporary file back."""
        self._bodies.close()
