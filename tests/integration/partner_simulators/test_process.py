"""The simulators as the process that `aiguillage up` starts."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from services.commands.addresses import SIMULATOR_PORTS, row_of_ports
from services.commands.child_plans import SIMULATORS, Servers, plan_children
from services.commands.demonstration import PORTAL_ACCOUNTS
from services.commands.demonstration_secrets import DemonstrationSecrets

ROOT = Path(__file__).parents[3]
NOBODY = "127.0.0.1:9"  # the discard port: nothing answers there
LARGEST_RESIDENT_MB = 130


def free_ports_in_a_row(count: int) -> int:
    """The first of `count` free ports; somebody may still take one before we do."""
    for first in range(18100, 28000, 10):
        with ExitStack() as taken:
            try:
                for port in range(first, first + count):
                    taken.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports")


SECRETS = DemonstrationSecrets.generate().with_accounts(
    tokens=[], people=list(PORTAL_ACCOUNTS.values())
)


def environment(base_port: int) -> dict[str, str]:
    """What `aiguillage up` tells it; nobody is at the addresses of the others."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    ports = replace(row_of_ports(9), intake=9, partner_adapters=9, simulators=base_port)
    plans = plan_children(
        servers=Servers(database_url="", kafka=NOBODY, kafka_agencies=NOBODY),
        ports=ports,
        secrets=SECRETS,
        logs=Path(),
        pace=2,
        outcome="mixed",
        inherited={},
    )
    return {**kept, **plans[SIMULATORS].environment}


async def started(env: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.partner_simulators.main",
        env=env,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def partners_once_ready(base_port: int) -> dict[str, object]:
    async with aiohttp.ClientSession() as http, asyncio.timeout(30):
        while True:
            try:
                async with http.get(f"http://127.0.0.1:{base_port}/health") as response:
                    return (await response.json())["partners"]
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)


@pytest.fixture
async def base_port() -> AsyncIterator[int]:
    yield free_ports_in_a_row(SIMULATOR_PORTS)


def resident_mb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024
    raise AssertionError("no VmRSS")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
async def test_the_process_runs_every_agency_writes_json_only_and_stops_when_told(
    base_port: int,
) -> None:
    process = await started(environment(base_port))
    partners = await partners_once_ready(base_port)
    assert len(partners) == 9
    assert resident_mb(process.pid) < LARGEST_RESIDENT_MB
    process.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert out == b""
    events = [json.loads(line)["event"] for line in err.splitlines()]
    assert (events[0], events[-1]) == ("simulators_started", "simulators_stopped")


async def test_a_missing_secret_is_named_and_stops_the_start(base_port: int) -> None:
    env = environment(base_port)
    del env["AIGUILLAGE_SECRET_EDF_API_KEY"]
    process = await started(env)
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    (line,) = [json.loads(line) for line in err.splitlines()]
    assert line["event"] == "settings_refused"
    assert "AIGUILLAGE_SECRET_EDF_API_KEY" in str(line["wrong"])
    assert SECRETS.partner_secrets["CAF_CLIENT_SECRET"] not in str(line)


async def test_a_taken_port_stops_the_start(base_port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base_port + 3))
        taken.listen()
        process = await started(environment(base_port))
        _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert "port_not_opened" in [json.loads(line)["event"] for line in err.splitlines()]
