"""Told to stop, a command ends in order; failures of parallel parts come out as one."""

import asyncio
import os
import signal

import pytest

from services.commands.interruption import run_until_signalled
from services.commands.outcome import CommandFailed


async def fail() -> None:
    raise CommandFailed("the part that failed")


async def parallel() -> int:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fail())
        tasks.create_task(asyncio.sleep(60))
    return 0


def test_a_failure_among_parallel_parts_is_raised_by_itself() -> None:
    with pytest.raises(CommandFailed, match="the part that failed"):
        run_until_signalled(parallel())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_what_is_open_be_closed_and_gives_the_code_asked_for(number: int) -> None:
    closed = []

    async def main() -> int:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            os.kill(os.getpid(), number)  # impatience
            await asyncio.sleep(0.05)
            closed.append(True)
        return 5

    assert run_until_signalled(main(), when_told=1) == 1
    assert closed == [True]


def test_what_ends_by_itself_gives_its_own_code() -> None:
    async def main() -> int:
        return 3

    assert run_until_signalled(main()) == 3
