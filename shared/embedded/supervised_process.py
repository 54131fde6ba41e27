"""A program that ends when we do, however we end: it runs under `supervisor.py`."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, cast

_ANY_PROGRAM_NEEDS = ("HOME", "LANG", "LC_", "LD_LIBRARY_PATH", "PATH", "PYTHON", "TMPDIR", "TZ")
"""How the names begin of the variables that every program gets of ours: none holds a secret."""
_MARGIN_SECONDS = 5.0
"""Beyond the grace that the supervisor gives its program, before it is killed itself."""


class SupervisedProcess:
    """A program that was started; `pid` is its own, 0 when it could not be started."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: IO[bytes],
        stop_signal: int,
        grace_seconds: float,
        run_as: str = "",
        keep_open: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it in a session of its own.

        Of our environment it gets what any program needs, and `environment` besides.
        """
        self._grace_seconds = grace_seconds
        self.supervisor = subprocess.Popen(  # noqa: S603 - our own programs
            [
                *(sys.executable, "-I", "-S", str(Path(__file__).with_name("supervisor.py"))),
                *("--stop-signal", str(int(stop_signal))),
                *("--grace-seconds", str(grace_seconds)),
                *("--user", run_as, "--", *command),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**environment_beginning_with(_ANY_PROGRAM_NEEDS), **(environment or {})},
            pass_fds=keep_open,
            start_new_session=True,
        )
        with cast(IO[bytes], self.supervisor.stdout) as answer:
            self.pid = int(answer.readline().strip() or 0)

    def is_running(self) -> bool:
        return self.supervisor.poll() is None

    def exit_code(self) -> int | None:
        """128 and more: ended by a signal."""
        return self.supervisor.poll()

    def ask_to_stop(self) -> None:
        """Let it finish what it does; harmless when it is gone."""
        cast(IO[bytes], self.supervisor.stdin).close()

    def stop(self) -> None:
        """Stop it and wait until it is gone; harmless when it already is."""
        self.ask_to_stop()
        try:
            self.supervisor.wait(self._grace_seconds + _MARGIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.supervisor.kill()
            self.supervisor.wait()


def environment_beginning_with(beginnings: tuple[str, ...]) -> dict[str, str]:
    """Those variables of ours whose names begin so."""
    return {name: value for name, value in os.environ.items() if name.startswith(beginnings)}
