"""The whole system as tests see it: addresses, tokens, and somebody who can break things.

It runs once per pytest run, in a process of its own (`fleet_process.py`), with the real schedules
made short: what takes hours with a real agency must take seconds here.
"""

import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
PACE = 0.1
"""Seconds an agency takes for each step."""
REQUEST_TIMEOUT = 1.5
LOOK_UP_AFTER = 4
"""Longer than an agency may still be working on a call that we gave up: see `slow`."""
UNDO_SECONDS = 3
"""Long enough for a browser to undo, on a busy machine."""
READY_WITHIN = 120


@dataclass(frozen=True)
class System:
    """What runs. Addresses as in `running.json` of `aiguillage up`."""

    addresses: Mapping[str, str]
    tokens: Mapping[str, str]
    passwords: Mapping[str, str]
    partner_secrets: Mapping[str, str]
    folder: Path
    process: asyncio.subprocess.Process

    @property
    def intake(self) -> str:
        return self.addresses["intake"]

    @property
    def partner_adapters(self) -> str:
        return self.addresses["partner_adapters"]

    @property
    def simulators(self) -> str:
        return self.addresses["simulators"]

    async def kill(self, service: str) -> None:
        """SIGKILL; it is started again by itself."""
        await self._order("kill", service)

    async def end(self, service: str) -> None:
        """SIGTERM; it finishes what it does, and is started again by itself."""
        await self._order("end", service)

    async def stop_server(self, name: str) -> None:
        """Crash `kafka` or `postgresql`."""
        await self._order("stop", name)

    async def start_server(self, name: str) -> None:
        """Start it again on its data; returns when it answers."""
        await self._order("start", name)

    async def freeze_server(self, name: str) -> None:
        """Have it hold its connections and say nothing."""
        await self._order("freeze", name)

    async def thaw_server(self, name: str) -> None:
        """Let it go on."""
        await self._order("thaw", name)

    async def _order(self, do: str, name: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, "name": name}).encode() + b"\n")
        async with asyncio.timeout(READY_WITHIN):
            assert await _read(self.process) == {"done": True}


class _Shared:
    """One system for the session fixtures of several folders: started by the first that asks."""

    system: System | None = None
    users = 0


@asynccontextmanager
async def running_system() -> AsyncIterator[System]:
    """The system of this pytest run; the last one who leaves stops it."""
    if _Shared.system is None:
        _Shared.system = await _start()
    _Shared.users += 1
    try:
        yield _Shared.system
    finally:
        _Shared.users -= 1
        if _Shared.users == 0:
            system, _Shared.system = _Shared.system, None
            await _stop(system)


@asynccontextmanager
async def system_of_its_own() -> AsyncIterator[System]:
    """Another system beside that of this run, for whoever changes it for good."""
    system = await _start()
    try:
        yield system
    finally:
        await _stop(system)


async def _start() -> System:
    folder = Path(tempfile.mkdtemp(prefix="aiguillage-system-"))
    partners = folder / "partners"
    _write_quick_partners(partners)
    catalogue = folder / "catalogue"
    catalogue.mkdir()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.end_to_end.fleet_process", str(folder), str(PACE)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=PROJECT,
        start_new_session=True,  # Ctrl-C reaches pytest, which closes its standard input
        env={
            **os.environ,
            "AIGUILLAGE_UNDO_SECONDS": str(UNDO_SECONDS),
            "AIGUILLAGE_RETRY_DELAYS": ",".join(["0", "0.2", "0.5", *["1"] * 100]),
            "AIGUILLAGE_PARTNERS_FOLDER": str(partners),
            "AIGUILLAGE_CATALOGUE_FOLDER": str(catalogue),
        },
    )
    try:
        async with asyncio.timeout(READY_WITHIN):
            addresses = (await _read(process))["ready"]
    except BaseException:
        if process.returncode is None:
            process.kill()  # what it started dies with it
        await process.wait()
        _remove(folder)
        raise
    secrets = json.loads((folder / "secrets.json").read_text("utf-8"))
    return System(
        addresses=addresses,
        tokens=secrets["tokens"],
        passwords=secrets["passwords"],
        partner_secrets=secrets["partner_secrets"],
        folder=folder,
        process=process,
    )


async def _stop(system: System) -> None:
    assert system.process.stdin is not None
    system.process.stdin.close()
    try:
        async with asyncio.timeout(60):
            await system.process.wait()
    except TimeoutError:
        system.process.kill()
        raise
    _remove(system.folder)


def _remove(folder: Path) -> None:
    """Data and logs; AIGUILLAGE_KEEP_LOGS=1 keeps them for whoever looks for a cause."""
    if not os.environ.get("AIGUILLAGE_KEEP_LOGS"):
        shutil.rmtree(folder, ignore_errors=True)


async def _read(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    line = await process.stdout.readline()
    assert line, "the fleet ended: see the captured standard error"
    answer: dict[str, Any] = json.loads(line)
    return answer


def _write_quick_partners(folder: Path) -> None:
    """The packaged partner files with short times; everything else as it is."""
    folder.mkdir()
    for file in (PROJECT / "services" / "partner_adapters" / "partners").glob("*.toml"):
        text = file.read_text("utf-8")
        text = re.sub(r"(?m)^every_seconds = .*", "every_seconds = 0.3", text)
        text = re.sub(
            r"(?m)^request_timeout_seconds = .*",
            f"request_timeout_seconds = {REQUEST_TIMEOUT}",
            text,
        )
        text = re.sub(
            r"(?m)^look_up_after_seconds = .*", f"look_up_after_seconds = {LOOK_UP_AFTER}", text
        )
        text += "\n[breaker]\nfirst_pause_seconds = 0.5\nlongest_pause_seconds = 1\n"
        (folder / file.name).write_text(text, "utf-8")
