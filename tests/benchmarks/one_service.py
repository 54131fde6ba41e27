"""One service, or a stand-in of it, as a real process on durable servers."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from services.commands.addresses import HOST, Ports, free_ports
from services.commands.child_plans import Servers, plan_children
from services.commands.child_process import ChildPlan, ChildProcess, log_tail
from services.commands.demonstration import (
    open_demonstration,
    people_accounts,
    read_demonstration,
    token_accounts,
)
from services.commands.demonstration_secrets import DemonstrationSecrets
from services.commands.door_client import is_ready
from services.commands.migrate import apply_migrations
from services.commands.topics import create_missing
from shared.plumbing.clock import SystemClock
from tests.benchmarks.servers import BenchServers

_READY_WITHIN = 60.0


@dataclass(frozen=True)
class Site:
    """Servers with every schema, topic and demonstration account, and no service yet."""

    servers: BenchServers
    secrets: DemonstrationSecrets
    ports: Ports
    logs: Path

    def plan(self, service: str) -> ChildPlan:
        plans = plan_children(
            servers=Servers(self.servers.database_url, self.servers.kafka, self.servers.kafka),
            ports=self.ports,
            secrets=self.secrets,
            logs=self.logs,
            pace=1.0,
            outcome="resolved",
            inherited={},
        )
        return plans[service]


async def prepare_site(servers: BenchServers, *, logs: Path) -> Site:
    """Make schemas, topics and accounts."""
    demonstration = read_demonstration()
    secrets = DemonstrationSecrets.generate().with_accounts(
        tokens=token_accounts(demonstration), people=people_accounts(demonstration)
    )
    await apply_migrations(servers.database_url)
    await open_demonstration(servers.database_url, secrets=secrets, clock=SystemClock())
    await create_missing(servers.kafka, passwords={})
    return Site(servers=servers, secrets=secrets, ports=free_ports(), logs=logs)


@asynccontextmanager
async def running_service(
    plan: ChildPlan, *, url: str, health: str = "/readyz", **environment: str
) -> AsyncIterator[ChildProcess]:
    """Run it until the block ends; gives the process once it is ready."""
    plan = replace(plan, environment={**plan.environment, **environment})
    child = await asyncio.to_thread(ChildProcess, plan)
    try:
        started = time.monotonic()
        async with aiohttp.ClientSession() as http:
            while not await is_ready(http, url + health):
                if not child.is_running() or time.monotonic() - started > _READY_WITHIN:
                    raise RuntimeError(f"{plan.name} did not start:\n{log_tail(plan.log_file)}")
                await asyncio.sleep(0.05)
        yield child
    finally:
        await asyncio.to_thread(child.stop)


def bench_program(
    module: str, *, port: int, logs: Path, environment: Mapping[str, str]
) -> tuple[ChildPlan, str]:
    """A program of this folder that serves on `port`, and its address."""
    plan = ChildPlan(
        name=module,
        command=[sys.executable, "-m", f"tests.benchmarks.{module}", str(port)],
        log_file=logs / f"{module}.log",
        environment={"PYTHONPATH": os.getcwd(), **environment},  # noqa: PTH109 - text
    )
    return plan, f"http://{HOST}:{port}"
