"""Both servers over several runs: data kept, crashes survived, nothing left running."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from kafka.admin import (
    KafkaAdminClient,
    NewTopic,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from shared.embedded.errors import EmbeddedServerError
from shared.embedded.kafka import ADMIN_USER, start_kafka
from shared.embedded.postgresql import start_postgresql
from shared.embedded.server_process import choose_ports
from tests.infrastructure import temporary_folder

PARENT = """
import signal, sys, time
from pathlib import Path
from shared.embedded.kafka import start_kafka
from shared.embedded.postgresql import start_postgresql

# A shell that runs the tests in the background has SIGINT ignored, here too.
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
try:
    with (
        start_postgresql(data_folder=folder / "postgresql") as postgresql,
        start_kafka(data_folder=folder / "kafka", admin_password="secret") as kafka,
    ):
        print(postgresql.pid, kafka.pid, flush=True)
        time.sleep(300)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as path:
        yield path


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    """One folder for the tests that only need some server's data: making it costs seconds."""
    with temporary_folder() as path:
        yield path


def start_parent(folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    return parent, [int(word) for word in parent.stdout.readline().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def still_alive(pids: list[int], seconds: float = 30) -> list[int]:
    deadline = time.monotonic() + seconds
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [pid for pid in pids if is_alive(pid)]


async def fetch_value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_running_when_the_parent_ends(
    how: signal.Signals, shared_folder: Path
) -> None:
    parent, servers = start_parent(shared_folder)
    try:
        assert len(servers) == 2 and all(map(is_alive, servers))
        os.killpg(parent.pid, how)  # the whole group, as a terminal does with Ctrl-C
        assert still_alive([parent.pid, *servers]) == []
    finally:
        parent.kill()
        said, _ = parent.communicate()
    assert said == ("interrupted\n" if how == signal.SIGINT else "")


def test_data_is_refused_to_a_second_server_and_told_why(shared_folder: Path) -> None:
    with start_postgresql(data_folder=shared_folder / "postgresql") as first:
        with pytest.raises(EmbeddedServerError, match=f"already runs.*{first.pid}"):
            start_postgresql(data_folder=shared_folder / "postgresql")
        assert first.is_running()


async def test_postgresql_keeps_its_data_between_runs_and_after_a_crash(
    shared_folder: Path,
) -> None:
    place = shared_folder / "postgresql"
    with start_postgresql(data_folder=place) as server:
        await fetch_value(server.dsn, "CREATE TABLE kept AS SELECT 42 AS value")
    with start_postgresql(data_folder=place) as server:
        assert await fetch_value(server.dsn, "SELECT value FROM kept") == 42
        os.kill(server.pid, signal.SIGKILL)
        assert still_alive([server.pid]) == []
        assert not server.is_running() or server.process.supervisor.wait(10)
    assert (place / "data" / "postmaster.pid").exists()
    with start_postgresql(data_folder=place) as server:
        assert await fetch_value(server.dsn, "SELECT value FROM kept") == 42


async def test_a_pid_file_whose_number_another_program_has_now_is_no_obstacle(
    shared_folder: Path,
) -> None:
    place = shared_folder / "postgresql"
    with start_postgresql(data_folder=place):
        pass
    (place / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{place}/data\n")
    with start_postgresql(data_folder=place) as server:
        assert await fetch_value(server.dsn, "SELECT 1") == 1


async def test_postgresql_listens_on_a_port_with_a_password_when_one_is_asked_for(
    shared_folder: Path, unused_port: int
) -> None:
    with start_postgresql(data_folder=shared_folder / "postgresql", port=unused_port) as server:
        assert f"127.0.0.1:{unused_port}" in server.dsn
        assert await fetch_value(server.dsn, "SELECT current_database()") == "aiguillage"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await fetch_value(f"postgresql://aiguillage:no@127.0.0.1:{unused_port}/x", "SELECT 1")


@pytest.fixture
def unused_port() -> int:
    return choose_ports([None], "test")[0]


async def test_a_long_path_and_a_closed_folder_are_no_obstacle(folder: Path) -> None:
    # The temporary folder is closed to others, as /root is; a server that gave up root gets in.
    place = folder / ("long" * 30)
    with start_postgresql(data_folder=place, durable=False) as server:
        assert await fetch_value(server.dsn, "SELECT 1") == 1
    assert not server.socket_folder.exists()


def admin_at(address: str, *, user: str = "", password: str = "") -> KafkaAdminClient:
    if not user:
        return KafkaAdminClient(bootstrap_servers=address)
    return KafkaAdminClient(
        bootstrap_servers=address,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=user,
        sasl_plain_password=password,
    )


def test_kafka_keeps_topics_and_users_and_its_admin_gets_a_new_password(
    shared_folder: Path,
) -> None:
    place = shared_folder / "kafka"
    with start_kafka(data_folder=place, admin_password="first") as server:
        admin = admin_at(server.internal)
        admin.create_topics([NewTopic("kept", 3, 1)])
        admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion("caf", ScramMechanism.SCRAM_SHA_512, "its-own", 4096)]
        )
        admin.close()
    with start_kafka(data_folder=place, admin_password="second") as again:
        assert again.internal != server.internal
        admin = admin_at(again.agencies, user=ADMIN_USER, password="second")
        assert "kept" in admin.list_topics()
        admin.close()
        agency = admin_at(again.agencies, user="caf", password="its-own")
        assert agency.list_topics() == []  # it gets in, and may see nothing yet
        agency.close()
        os.kill(again.pid, signal.SIGKILL)
        assert still_alive([again.pid]) == []
    with start_kafka(data_folder=place, admin_password="second") as after_crash:
        admin = admin_at(after_crash.internal)
        assert "kept" in admin.list_topics()
        admin.create_topics([NewTopic("made-at-once", 1, 1)])
        admin.close()


def test_a_taken_port_of_kafka_is_named(shared_folder: Path, unused_port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", unused_port)),
        pytest.raises(EmbeddedServerError, match=f"port {unused_port}"),
    ):
        start_kafka(
            data_folder=shared_folder / "kafka", admin_password="x", agencies_port=unused_port
        )
