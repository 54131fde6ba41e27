"""One server process in one data folder: started under the supervisor, watched, always stopped.

A data folder holds `lock` (held while the server lives), `server.pid`, `server.log` and whatever
the server itself keeps.
"""

import errno
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import sample
from typing import IO, cast

from shared.embedded.errors import EmbeddedServerError

GRACE_SECONDS = 30.0
LEAST_FREE_MEGABYTES = 200
LOG_LINES_SHOWN = 15
# Below the ports that systems give to outgoing connections, which could take ours meanwhile.
FREE_PORTS = range(20_000, 32_000)


@dataclass(frozen=True)
class ServerProcess:
    """A server under its supervisor. `pid` is the server's own."""

    name: str
    pid: int
    log_file: Path
    supervisor: subprocess.Popen[bytes]

    def is_running(self) -> bool:
        return self.supervisor.poll() is None

    def stop(self) -> None:
        """Stop the server and wait until it is gone; harmless when it already is."""
        if self.supervisor.stdin is not None:
            self.supervisor.stdin.close()
        try:
            self.supervisor.wait(GRACE_SECONDS + 5)
        except subprocess.TimeoutExpired:
            self.supervisor.kill()
            self.supervisor.wait()

    def failure(self) -> EmbeddedServerError:
        """Why the server is gone or does not answer, from the end of its log."""
        return failure_from_log(self.name, self.log_file)


def start_process(
    *,
    name: str,
    command: Sequence[str],
    folder: Path,
    lock: int,
    stop_signal: int,
    run_as: str = "",
) -> ServerProcess:
    """Start `command` in `folder`, held with `hold_folder`; the server keeps the lock."""
    log_file = folder / "server.log"
    with log_file.open("wb") as log:
        supervisor = _supervise(command, stop_signal, run_as, log.fileno(), keep_open=(lock,))
    with cast(IO[bytes], supervisor.stdout) as answer:
        first_line = answer.readline().strip()
    if not first_line:
        supervisor.wait()
        raise failure_from_log(name, log_file)
    process = ServerProcess(
        name=name, pid=int(first_line), log_file=log_file, supervisor=supervisor
    )
    try:
        (folder / "server.pid").write_text(f"{process.pid}\n")
    except BaseException:
        process.stop()
        raise
    return process


def run_once(
    *,
    name: str,
    command: Sequence[str],
    folder: Path,
    lock: int,
    stop_signal: int,
    run_as: str = "",
) -> None:
    """Run a command that ends by itself (it makes new data), under the same supervision.

    Its log is `<name>.log` in the folder. Raises EmbeddedServerError when it fails.
    """
    log_file = folder / f"{name}.log"
    with log_file.open("wb") as log:
        supervisor = _supervise(command, stop_signal, run_as, log.fileno(), keep_open=(lock,))
    try:
        supervisor.wait()
    finally:
        if supervisor.stdin is not None:
            supervisor.stdin.close()
        if supervisor.stdout is not None:
            supervisor.stdout.close()
        supervisor.wait()
    if supervisor.returncode != 0:
        raise failure_from_log(name, log_file)


def _supervise(
    command: Sequence[str],
    stop_signal: int,
    run_as: str,
    log: int,
    keep_open: tuple[int, ...],
) -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("supervisor.py")
    return subprocess.Popen(  # noqa: S603 - our own programs
        [
            *(sys.executable, "-I", "-S", str(script)),
            *("--stop-signal", str(int(stop_signal))),
            *("--grace-seconds", str(GRACE_SECONDS)),
            *("--user", run_as, "--", *command),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        pass_fds=keep_open,
        start_new_session=True,
    )


@contextmanager
def hold_folder(folder: Path, name: str) -> Iterator[int]:
    """Make the data folder, private to us, and hold its lock; gives the lock to hand on.

    The kernel frees the lock when its last holder dies, so a crash leaves none behind. Raises
    EmbeddedServerError when a live server holds the folder or the disk has no room.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmbeddedServerError(
            f"{name}: the data folder {folder} cannot be used: {error.strerror}.",
            "Choose another data folder, or make this one writable.",
        ) from error
    try:
        _take(lock, folder, name)
        _wait_for_orphan(folder, name)
        if shutil.disk_usage(folder).free < LEAST_FREE_MEGABYTES * 1_000_000:
            raise disk_full(name, folder)
        yield lock
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise disk_full(name, folder) from error
        raise
    finally:
        os.close(lock)


def disk_full(name: str, folder: Path) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"{name}: the disk that holds {folder} is full.",
        f"Free at least {LEAST_FREE_MEGABYTES} MB there, or choose another folder.",
    )


def failure_from_log(name: str, log_file: Path) -> EmbeddedServerError:
    """Turn the end of a server's log into an error that says what to do."""
    text = log_file.read_text(errors="replace") if log_file.exists() else ""
    if "No space left on device" in text:
        return disk_full(name, log_file.parent)
    if "Address already in use" in text:
        return EmbeddedServerError(
            f"{name}: one of its ports was taken by another program while it started.",
            "Start again; if it stays so, choose other ports.",
        )
    tail = "\n".join(text.splitlines()[-LOG_LINES_SHOWN:]) or "(its log is empty)"
    return EmbeddedServerError(f"{name} did not start.\n{tail}", f"The whole log: {log_file}")


def choose_ports(wanted: Sequence[int | None], name: str) -> list[int]:
    """Distinct ports that are free on loopback: the wanted ones, any where None is wanted.

    Raises EmbeddedServerError when a wanted one is taken.
    """
    with ExitStack() as probes:
        return [_choose_port(port, name, probes) for port in wanted]


def _choose_port(wanted: int | None, name: str, probes: ExitStack) -> int:
    candidates = [wanted] if wanted is not None else sample(FREE_PORTS, 50)
    for port in candidates:
        probe = probes.enter_context(socket.socket())
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    raise EmbeddedServerError(
        f"{name}: port {wanted} of 127.0.0.1 is taken by another program."
        if wanted is not None
        else f"{name}: no free port on 127.0.0.1.",
        f"Stop that program (`ss -ltnp 'sport = :{wanted}'` names it) or choose another port.",
    )


def _take(lock: int, folder: Path, name: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise EmbeddedServerError(
            f"{name} already runs on {folder} (process {_recorded_pid(folder) or 'unknown'}).",
            "Stop the other `aiguillage up`, or choose another data folder.",
        ) from None


def _wait_for_orphan(folder: Path, name: str, seconds: float = 15.0) -> None:
    """Wait for a server whose supervisor was killed: it is on its way out."""
    pid = _recorded_pid(folder)
    deadline = time.monotonic() + seconds
    while pid is not None and is_server_of(pid, folder):
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"{name}: process {pid}, left over from a crash, still uses {folder}.",
                f"Stop it (`kill {pid}`) and start again.",
            )
        time.sleep(0.1)


def _recorded_pid(folder: Path) -> int | None:
    try:
        return int((folder / "server.pid").read_text())
    except (FileNotFoundError, ValueError):
        return None


def is_server_of(pid: int, folder: Path) -> bool:
    """Whether this process number is a server of this folder now (numbers are used again)."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it is gone
        return False
    return os.fsencode(f"{folder}/") in command
