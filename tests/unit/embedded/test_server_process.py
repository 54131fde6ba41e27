"""Starting, stopping and failing, with `sleep` in the part of the server."""

import errno
import os
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest

from shared.embedded.errors import EmbeddedServerError
from shared.embedded.server_process import (
    ServerProcess,
    choose_ports,
    failure_from_log,
    hold_folder,
    is_server_of,
    run_once,
    start_process,
)


def start(folder: Path, *command: str) -> ServerProcess:
    with hold_folder(folder, "Demo") as lock:
        return start_process(
            name="Demo", command=command, folder=folder, lock=lock, stop_signal=signal.SIGTERM
        )


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


def test_a_server_is_stopped_and_gone(tmp_path: Path) -> None:
    server = start(tmp_path, "sleep", "60")
    assert server.is_running() and is_alive(server.pid)
    server.stop()
    assert not is_alive(server.pid)
    server.stop()  # a second time does no harm


def test_a_server_dies_with_its_supervisor(tmp_path: Path) -> None:
    server = start(tmp_path, "sleep", "60")
    server.supervisor.kill()
    assert wait_until_gone(server.pid)
    server.stop()


def test_a_server_that_ends_by_itself_is_seen_with_the_end_of_its_log(tmp_path: Path) -> None:
    server = start(tmp_path, "sh", "-c", "echo the reason; exit 3")
    assert server.supervisor.wait(10) == 3
    assert "the reason" in str(server.failure())
    server.stop()


def test_a_program_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="no-such-program"):
        start(tmp_path, "/no-such-program")


def test_a_command_that_fails_shows_its_log(tmp_path: Path) -> None:
    with (
        hold_folder(tmp_path, "Demo") as lock,
        pytest.raises(EmbeddedServerError, match="cannot prepare"),
    ):
        run_once(
            name="prepare",
            command=["sh", "-c", "echo cannot prepare; exit 1"],
            folder=tmp_path,
            lock=lock,
            stop_signal=signal.SIGTERM,
        )


def test_a_folder_in_use_is_refused_and_names_the_process(tmp_path: Path) -> None:
    server = start(tmp_path, "sleep", "60")
    with pytest.raises(EmbeddedServerError, match=f"already runs.*{server.pid}"):
        start(tmp_path, "sleep", "60")
    assert server.is_running()
    server.stop()


def test_the_folder_of_a_server_that_crashed_is_free_again(tmp_path: Path) -> None:
    crashed = start(tmp_path, "sleep", "60")
    os.kill(crashed.pid, signal.SIGKILL)
    crashed.supervisor.wait(10)
    crashed.stop()
    again = start(tmp_path, "sleep", "60")
    assert again.is_running()
    again.stop()


def test_a_number_taken_over_by_another_program_is_not_our_server(tmp_path: Path) -> None:
    assert not is_server_of(os.getpid(), tmp_path)
    server = start(tmp_path, "sh", "-c", f"sleep 60 # {tmp_path}/data")
    assert is_server_of(server.pid, tmp_path)
    server.stop()
    assert not is_server_of(server.pid, tmp_path)


def test_a_taken_port_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(EmbeddedServerError, match=f"port {port}") as failure:
            choose_ports([None, port], "Kafka")
    assert "another port" in failure.value.hint


def test_free_ports_are_distinct() -> None:
    ports = choose_ports([None] * 10, "Kafka")
    assert len(set(ports)) == 10


def test_a_full_disk_is_told_before_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil._ntuple_diskusage(100, 99, 1)  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)
    with pytest.raises(EmbeddedServerError, match="full") as failure:
        start(tmp_path, "sleep", "60")
    assert "Free at least" in failure.value.hint


def test_a_disk_that_fills_while_starting_is_told(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="full"), hold_folder(tmp_path, "Demo"):
        raise OSError(errno.ENOSPC, "No space left on device")
    log = tmp_path / "server.log"
    log.write_text("FATAL: could not write lock file: No space left on device\n")
    assert "full" in failure_from_log("Demo", log).message


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedServerError, match="cannot be used"):
        start(tmp_path / "file" / "data", "sleep", "60")
