"""Children are started again, up to a point, and leave nothing behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.commands import keep_running
from services.commands.child_process import ChildPlan, ChildProcess
from services.commands.keep_running import Deaths, Nursery
from services.commands.outcome import CommandFailed

SLEEPER = (sys.executable, "-c", "import time; print('hello', flush=True); time.sleep(600)")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until(condition: object, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.05)


def test_five_quick_deaths_in_a_row_are_too_many() -> None:
    deaths = Deaths()
    assert [deaths.count(lived_seconds=1) for _ in range(5)] == [True] * 4 + [False]


def test_a_long_life_makes_up_for_quick_deaths() -> None:
    deaths = Deaths()
    for _ in range(4):
        deaths.count(lived_seconds=1)
    deaths.count(lived_seconds=3600)
    assert deaths.pause_seconds() == 0
    assert deaths.count(lived_seconds=1)


async def test_a_child_that_dies_is_started_again_and_its_log_goes_on(tmp_path: Path) -> None:
    told: list[str] = []
    nursery = Nursery(tell=told.append)
    nursery.start(ChildPlan("sleeper", SLEEPER, tmp_path / "log"))
    following = asyncio.create_task(nursery.follow())
    try:
        await until(lambda: (tmp_path / "log").read_text() == "hello\n")
        first = nursery.pids()["sleeper"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: (tmp_path / "log").read_text() == "hello\nhello\n")
        second = nursery.pids()["sleeper"]
        assert second != first
        assert told == ["sleeper ended with code 137: it is started again"]
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        nursery.stop([["sleeper"]])
    assert not is_alive(second)


async def test_a_child_that_keeps_dying_ends_the_whole_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keep_running, "LONGEST_PAUSE_SECONDS", 0.0)
    nursery = Nursery(tell=lambda _: None)
    command = (sys.executable, "-c", "print('no settings'); raise SystemExit(2)")
    nursery.start(ChildPlan("broken", command, tmp_path / "log"))
    with pytest.raises(ExceptionGroup) as failure:
        await nursery.follow()
    [cause] = failure.value.exceptions
    assert isinstance(cause, CommandFailed)
    assert "no settings" in cause.message
    assert "code 2" in cause.message
    assert (tmp_path / "log").read_text().count("no settings") == 5


def test_a_child_gets_what_any_program_needs_and_what_it_is_told_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEBODYS_TOKEN", "secret")
    command = (sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))")
    child = ChildProcess(ChildPlan("child", command, tmp_path / "log", {"GIVEN": "seen"}))
    child.supervisor.wait(30)
    child.stop()
    environment = json.loads((tmp_path / "log").read_text())
    assert environment["GIVEN"] == "seen"
    assert environment["PATH"] == os.environ["PATH"]
    assert "SOMEBODYS_TOKEN" not in environment


def test_a_child_gets_its_environment_and_dies_with_a_killed_parent(tmp_path: Path) -> None:
    child_log = tmp_path / "child.log"
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from services.commands.child_process import ChildPlan, ChildProcess\n"
        "child = ChildProcess(ChildPlan('c', (sys.executable, '-c', "
        "'import os, time; print(os.environ[\"GIVEN\"], flush=True); time.sleep(600)'), "
        f"Path({str(child_log)!r}), {{'GIVEN': 'seen'}}))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    deadline = time.monotonic() + 30
    while "seen" not in child_log.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert child_log.read_text() == "seen\n"
    parent.kill()
    parent.wait()
    parent.stdout.close()
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(child)


def test_stopping_twice_is_harmless(tmp_path: Path) -> None:
    child = ChildProcess(ChildPlan("sleeper", SLEEPER, tmp_path / "log"))
    child.stop()
    child.stop()
    assert not is_alive(child.pid)
