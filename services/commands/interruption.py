"""Ctrl-C, SIGTERM and a closed terminal: stop in order, once."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_until_signalled(main: Coroutine[Any, Any, int], *, when_told: int = 0) -> int:
    """Run to the end, or until told to stop; `when_told` when it was told to stop.

    Exceptions of task groups are unwrapped to the first that tells something.
    """
    return asyncio.run(_run(main, when_told))


async def _run(main: Coroutine[Any, Any, int], when_told: int) -> int:
    task = asyncio.ensure_future(main)
    loop = asyncio.get_running_loop()
    told_to_stop = False

    def stop() -> None:
        nonlocal told_to_stop
        if not told_to_stop:  # impatience must not cut the orderly stop short
            told_to_stop = True
            task.cancel()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        return when_told
    except BaseExceptionGroup as group:
        raise _first(group) from group
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
