"""Runs one server and stops it when whoever asked for it is gone.

Started as a script of its own (`python -I -S supervisor.py …`), never imported by the servers'
code: it must be alone in its process. Its standard input is a pipe whose other end the parent
holds; end of file there means "stop", and the kernel closes that end however the parent dies,
SIGKILL included. Should this process itself be killed, the kernel sends the server its stop signal
(PR_SET_PDEATHSIG, which is safe here because this process has one thread that lives as long as
it does).

It runs in a session of its own, so that Ctrl-C reaches the services first and the servers they
stand on only when the parent has finished with them.
"""

import argparse
import ctypes
import os
import pwd
import select
import signal
import subprocess
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def main() -> int:
    arguments = _arguments()
    asked: list[int] = []
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: asked.append(received))
    signal.signal(signal.SIGCHLD, lambda _received, _frame: None)

    parent = os.getppid()
    server = subprocess.Popen(  # noqa: S603 - what our own code asks for
        arguments.command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=sys.stderr,
        preexec_fn=_prepare(arguments.user, arguments.stop_signal),  # noqa: PLW1509 - one thread
    )
    try:
        os.write(sys.stdout.fileno(), f"{server.pid}\n".encode())
    except BrokenPipeError:
        asked.append(0)
    while server.poll() is None and not asked:
        readable, _, _ = select.select([sys.stdin.fileno(), woken], [], [], 1.0)
        if woken in readable:
            os.read(woken, 64)
        # The parent's number is looked at as well: a forked child of the parent may hold the pipe.
        if sys.stdin.fileno() in readable or os.getppid() != parent:
            break
    if server.poll() is None:
        _stop(server, arguments.stop_signal, arguments.grace_seconds)
    return server.returncode if server.returncode >= 0 else 128 - server.returncode


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stop-signal", type=int, required=True)
    parser.add_argument("--grace-seconds", type=float, required=True)
    parser.add_argument("--user", default="", help="run the server as this system user")
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def _stop(server: subprocess.Popen[bytes], stop_signal: int, grace_seconds: float) -> None:
    server.send_signal(stop_signal)
    try:
        server.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _prepare(user: str, stop_signal: int) -> Callable[[], None]:
    """What the child does between fork and exec; the order matters (see the comments)."""
    account = pwd.getpwnam(user) if user else None
    linux = sys.platform == "linux"
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        if account is not None:
            if linux:
                libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
            os.setgroups([])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            if linux:
                _keep_access_to_files(libc)
        if linux:  # after setuid, which clears it
            libc.prctl(PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)

    return prepare


def _keep_access_to_files(libc: ctypes.CDLL) -> None:
    """Let a server that gave up root still reach folders that only root may enter.

    PostgreSQL refuses to run as root, and a clone under /root is closed to everyone else; keeping
    this one capability spares us from opening the folders on the way. Where the container has
    taken the capability away, the calls fail and the server tries its luck without.
    """
    bit = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable; then the same three for the upper 32 capabilities
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    libc.capset(header, sets)
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
