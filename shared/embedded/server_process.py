"""One server process in one data folder: started under the supervisor, watched, always stopped.

A data folder holds `lock` (held while the server lives), `server.pid`, `server.log` and whatever
the server itself keeps.
"""

import errno
import fcntl
import os
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import sample
from typing import Self

from shared.embedded.errors import EmbeddedServerError
from shared.embedded.supervised_process import SupervisedProcess

GRACE_SECONDS = 30.0
LEAST_FREE_MEGABYTES = 200
LOG_LINES_SHOWN = 15
# Below the ports that systems give to outgoing connections, which could take ours meanwhile.
FREE_PORTS = range(20_000, 32_000)


class ServerProcess(SupervisedProcess):
    """A server under its supervisor."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log_file: Path,
        lock: int,
        stop_signal: int,
        run_as: str,
    ) -> None:
        self.name = name
        self.log_file = log_file
        with log_file.open("wb") as log:
            super().__init__(
                command,
                log=log,
                stop_signal=stop_signal,
                grace_seconds=GRACE_SECONDS,
                run_as=run_as,
                keep_open=(lock,),
            )

    def failure(self) -> EmbeddedServerError:
        """Why the server is gone or does not answer, from the end of its log."""
        return failure_from_log(self.name, self.log_file)


@dataclass(frozen=True, kw_only=True)
class EmbeddedServer:
    """A server that answers; as a context manager it is stopped at the end."""

    process: ServerProcess

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_running(self) -> bool:
        return self.process.is_running()

    def stop(self) -> None:
        self.process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


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
    process = ServerProcess(
        name,
        command,
        log_file=folder / "server.log",
        lock=lock,
        stop_signal=stop_signal,
        run_as=run_as,
    )
    if not process.pid:
        process.stop()
        raise process.failure()
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
    process = ServerProcess(
        name,
        command,
        log_file=folder / f"{name}.log",
        lock=lock,
        stop_signal=stop_signal,
        run_as=run_as,
    )
    try:
        process.supervisor.wait()
    finally:
        process.stop()
    if process.exit_code() != 0:
        raise process.failure()


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
