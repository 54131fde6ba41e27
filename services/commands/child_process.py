"""One child process of `aiguillage up`: it dies with us, however we die, and its log is a file.

It runs in a session of its own, so that Ctrl-C reaches us first and we stop the children in the
right order.
"""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.embedded.supervised_process import SupervisedProcess

GRACE_SECONDS = 8
LOG_LINES_SHOWN = 15


@dataclass(frozen=True)
class ChildPlan:
    """What to run. `environment` is added to what any program needs of ours."""

    name: str
    command: Sequence[str]
    log_file: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class ChildProcess(SupervisedProcess):
    """A child that was started."""

    def __init__(self, plan: ChildPlan) -> None:
        """Start it. Its log goes on where it was."""
        self.plan = plan
        with plan.log_file.open("ab") as log:
            super().__init__(
                plan.command,
                log=log,
                stop_signal=signal.SIGTERM,
                grace_seconds=GRACE_SECONDS,
                environment=plan.environment,
            )


def log_tail(log_file: Path) -> str:
    """The end of a log, for a person to read."""
    try:
        text = log_file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-LOG_LINES_SHOWN:]) or "(the log is empty)"
