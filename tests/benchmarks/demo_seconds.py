"""How long `aiguillage demo` takes once everything was fetched before, start to exit."""

import asyncio
import json
import sys
import time

from tests.benchmarks.measure import Effort, Measure, MessagesLost

GATE = 60.0
_AT_MOST = 300.0


async def measure(effort: Effort) -> list[Measure]:
    """Raises `MessagesLost` when the demonstration says that not all arrived once."""
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.command_line", "demo", "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, told = await asyncio.wait_for(process.communicate(), timeout=_AT_MOST)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise MessagesLost(f"exit code {process.returncode}\n{out.decode()}\n{told.decode()}")
    summary = json.loads(out)
    effort.say(f"to the agency {summary['acceptance_to_delivery']}")
    effort.say(f"to the timeline {summary['callback_to_timeline']}")
    return [Measure("demo_seconds", seconds, "s", "lower", GATE, 40.0, facts=summary)]
