"""The cursor of an `sftp` partner: how far its files are recorded. PURE."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Recorded:
    """One of the agency's files, recorded up to `line`, None: to its end."""

    name: str
    sha256: str
    line: int | None


@dataclass(frozen=True)
class Bookmark:
    """`file` is the last one read, until it is archived; `told` marks half files people know of."""

    file: Recorded | None = None
    told: frozenset[str] = frozenset()

    @classmethod
    def read(cls, cursor: str | None) -> "Bookmark":
        """An empty one for none, and for what another kind left behind."""
        try:
            file, told = json.loads(cursor or "")
            return cls(file=None if file is None else Recorded(*file), told=frozenset(told))
        except (ValueError, TypeError):
            return cls()

    def written(self) -> str | None:
        """The same bookmark is always the same text; None for an empty one."""
        if self == Bookmark():
            return None
        file = self.file and [self.file.name, self.file.sha256, self.file.line]
        return json.dumps([file, sorted(self.told)])
