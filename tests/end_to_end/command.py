"""The `aiguillage` command as a process of its own, in an empty home folder."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from shared.embedded.kafka_jars import cache_folder

MARK = "AIGUILLAGE_TEST_MARK"
READY_WITHIN = 150


def environment(home: Path) -> dict[str, str]:
    """Nothing of ours, an empty home; what was downloaded once is not downloaded again."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIGUILLAGE_", "XDG_"))
    }
    return {
        **clean,
        "HOME": str(home),
        "AIGUILLAGE_CACHE": str(cache_folder()),
        MARK: str(home),
    }


def processes_of(home: Path) -> dict[int, str]:
    """Every process that was started, directly or not, with this home; by process id."""
    mark = f"{MARK}={home}".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    command = (folder / "cmdline").read_bytes()
                    if command:  # a zombie has none: it is gone, and waits to be counted
                        found[int(folder.name)] = command.replace(b"\0", b" ").decode()[:200]
            except OSError:
                continue
    return found


def command(*arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "services.command_line", *arguments],
        capture_output=True,
        text=True,
        env=env,
        timeout=READY_WITHIN,
        check=False,
    )


def answer_of(*arguments: str, env: Mapping[str, str]) -> Any:
    """The JSON that a command prints; fails with what it said when it fails."""
    done = command(*arguments, "--json", env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Up:
    """`aiguillage up`, running; `said` is all it has printed so far."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home = home
        self.said = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.command_line", "up", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(home),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, words: str) -> None:
        self.wait_until(lambda: words in self.said, words)

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not condition():
            assert self.process.poll() is None, f"`up` ended:\n{self.said}"
            assert time.monotonic() < deadline, f"waited in vain for {what}:\n{self.said}"
            time.sleep(0.1)

    def stop(self, signal_number: int) -> int:
        """Its exit code."""
        self.process.send_signal(signal_number)
        code = self.process.wait(READY_WITHIN)
        self._reader.join(READY_WITHIN)
        return code

    def end(self) -> None:
        """Make sure of it, after a test that failed."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
