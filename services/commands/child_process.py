"""One child process of `aiguillage up`: it dies with us, however we die, and its log is a file.

It runs under the supervisor of the embedded servers (`shared/embedded/supervisor.py`), in a
session of its own, so that Ctrl-C reaches us first and we stop the children in the right order.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

GRACE_SECONDS = 8
LOG_LINES_SHOWN = 15


@dataclass(frozen=True)
class ChildPlan:
    """What to run. `environment` is added to ours."""

    name: str
    command: Sequence[str]
    log_file: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class ChildProcess:
    """A child that was started; `pid` is its own, not its supervisor's."""

    def __init__(self, plan: ChildPlan) -> None:
        """Start it. Its log goes on where it was."""
        self.plan = plan
        with plan.log_file.open("ab") as log:
            self._supervisor = subprocess.Popen(  # noqa: S603 - our own programs
                [
                    *(sys.executable, "-I", "-S", str(_supervisor_script())),
                    *("--stop-signal", str(int(signal.SIGTERM))),
                    *("--grace-seconds", str(GRACE_SECONDS), "--", *plan.command),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **plan.environment},
                start_new_session=True,
            )
        with cast(IO[bytes], self._supervisor.stdout) as answer:
            self.pid = int(answer.readline().strip() or 0)

    def is_running(self) -> bool:
        return self._supervisor.poll() is None

    def exit_code(self) -> int | None:
        """128 and more: ended by a signal."""
        return self._supervisor.poll()

    def ask_to_stop(self) -> None:
        """Let it finish what it does; harmless when it is gone."""
        if self._supervisor.stdin is not None:
            self._supervisor.stdin.close()

    def stop(self) -> None:
        """Stop it and wait until it is gone; harmless when it already is."""
        self.ask_to_stop()
        try:
            self._supervisor.wait(GRACE_SECONDS + 2)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()


def log_tail(log_file: Path, *, lines: int = LOG_LINES_SHOWN) -> str:
    """The end of a log, for a person to read."""
    try:
        text = log_file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"


def _supervisor_script() -> Path:
    from shared.embedded import supervisor

    return Path(supervisor.__file__)
