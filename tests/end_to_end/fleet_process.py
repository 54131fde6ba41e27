"""Everything of `aiguillage up` in a process of its own, which can also be told to break things.

Run by `running_system.py`; it speaks JSON lines: what runs, once it is ready, then one answer to
each order read from standard input. It ends, and everything with it, when standard input closes.

    {"do": "kill", "name": "router"}              SIGKILL; the fleet starts it again by itself
    {"do": "end", "name": "router"}               SIGTERM; the fleet starts it again, too
    {"do": "stop", "name": "kafka"}               kafka or postgresql, as a crash would
    {"do": "start", "name": "kafka"}              again, on the same data and the same ports
    {"do": "freeze", "name": "kafka"}             SIGSTOP: it holds its connections and says nothing
    {"do": "thaw", "name": "kafka"}
"""

import asyncio
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from services.commands.addresses import free_ports
from services.commands.fleet import Fleet, running_fleet
from services.commands.state_folder import StateFolder
from shared.embedded.kafka import start_kafka
from shared.embedded.postgresql import start_postgresql


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


class Saboteur:
    """Carries orders out on a fleet."""

    def __init__(self, fleet: Fleet, folder: StateFolder, stack: AsyncExitStack) -> None:
        self._fleet = fleet
        self._stack = stack
        self._servers: dict[str, Any] = {"kafka": fleet.kafka, "postgresql": fleet.postgresql}
        self._starts: dict[str, Callable[[], Any]] = {
            "kafka": lambda: start_kafka(
                data_folder=folder.kafka,
                admin_password=fleet.secrets.kafka_admin_password,
                internal_port=_port(fleet.running.kafka),
                agencies_port=_port(fleet.running.kafka_agencies),
                durable=False,
            ),
            "postgresql": lambda: start_postgresql(data_folder=folder.postgresql, durable=False),
        }

    async def carry_out(self, order: dict[str, str]) -> None:
        name = order["name"]
        match order["do"]:
            case "kill":
                os.kill(self._fleet.nursery.pids()[name], signal.SIGKILL)
            case "end":
                os.kill(self._fleet.nursery.pids()[name], signal.SIGTERM)
            case "stop":
                await asyncio.to_thread(self._servers[name].stop)
            case "start":
                server = await asyncio.to_thread(self._starts[name])
                self._servers[name] = server
                self._stack.push_async_callback(asyncio.to_thread, server.stop)
            case "freeze":
                _signal_with_children(self._servers[name].pid, signal.SIGSTOP)
            case "thaw":
                _signal_with_children(self._servers[name].pid, signal.SIGCONT)
            case unknown:
                raise ValueError(unknown)


def _signal_with_children(pid: int, number: signal.Signals) -> None:
    """PostgreSQL's backends are processes of their own: all of them, or it goes on answering."""
    os.kill(pid, number)
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split():
        os.kill(int(child), number)


async def main(folder: StateFolder, *, pace: float) -> None:
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    # What is started again outlives the children that use it: `servers` closes after the fleet.
    async with (
        AsyncExitStack() as servers,
        running_fleet(
            folder,
            ports=free_ports(),
            pace=pace,
            outcome="resolved",
            durable=False,
            tell=lambda line: print(line, file=sys.stderr, flush=True),
        ) as fleet,
    ):
        following = asyncio.create_task(fleet.nursery.follow())
        serving = asyncio.create_task(_serve(orders, Saboteur(fleet, folder, servers)))
        _say({"ready": dataclasses.asdict(fleet.running)})
        done, pending = await asyncio.wait(
            {following, serving}, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
        for task in done:
            task.result()


async def _serve(orders: asyncio.StreamReader, saboteur: Saboteur) -> None:
    while line := await orders.readline():
        await saboteur.carry_out(json.loads(line))
        _say({"done": True})


def _say(content: dict[str, Any]) -> None:
    print(json.dumps(content), flush=True)


if __name__ == "__main__":
    asyncio.run(main(StateFolder(Path(sys.argv[1])), pace=float(sys.argv[2])))
