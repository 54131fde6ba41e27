"""Everything on this machine: PostgreSQL, Kafka, the three services and the simulators.

Started in the order in which they need one another, stopped in the opposite one.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from services.commands.addresses import Ports, guarded, refuse_taken
from services.commands.child_plans import (
    INTAKE,
    PARTNER_ADAPTERS,
    ROUTER,
    SERVICES,
    SIMULATORS,
    STOP_ORDER,
    Servers,
    door_urls,
    plan_children,
)
from services.commands.child_process import ChildPlan
from services.commands.demonstration import (
    open_demonstration,
    people_accounts,
    read_demonstration,
    token_accounts,
)
from services.commands.demonstration_secrets import (
    QUEUE_PARTNERS,
    DemonstrationSecrets,
    load_or_make_secrets,
)
from services.commands.door_client import http_session, is_ready
from services.commands.embedded_servers import KeptServer, start_servers
from services.commands.keep_running import Nursery
from services.commands.migrate import apply_migrations
from services.commands.outcome import CommandFailed
from services.commands.state_folder import Running, StateFolder
from services.commands.topics import create_missing
from shared.embedded.kafka import KafkaServer
from shared.embedded.kafka_jars import Progress
from shared.embedded.postgresql import PostgresqlServer
from shared.embedded.supervised_process import environment_beginning_with
from shared.plumbing.clock import SystemClock
from shared.plumbing.settings import PREFIX

READY_WITHIN_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.05
STARTS_AT_ONCE = max(1, (os.cpu_count() or 1) - 1)
"""A start is all computing: more at a time than there are cores only slow one another down. One
core is for PostgreSQL and Kafka, which have just started themselves."""
HEALTH_PATHS = {**dict.fromkeys(SERVICES, "/readyz"), SIMULATORS: "/health"}

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Fleet:
    """What runs. `ready_seconds`: from the start of each process to its first yes."""

    running: Running
    secrets: DemonstrationSecrets
    nursery: Nursery
    servers: tuple[KeptServer[PostgresqlServer], KeptServer[KafkaServer]]
    tell: Tell
    ready_seconds: Mapping[str, float]

    @property
    def postgresql(self) -> PostgresqlServer:
        return self.servers[0].current

    @property
    def kafka(self) -> KafkaServer:
        return self.servers[1].current

    async def follow(self) -> None:
        """Start again whatever dies; raises `CommandFailed`, grouped, when that does not help."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.nursery.follow())
            for server in self.servers:
                tasks.create_task(server.follow(self.tell))


@asynccontextmanager
async def running_fleet(
    folder: StateFolder,
    *,
    ports: Ports,
    pace: float,
    outcome: str,
    durable: bool,
    tell: Tell,
    on_progress: Progress | None = None,
) -> AsyncIterator[Fleet]:
    """Start everything on `folder` and stop it at the end, whatever happens.

    `durable=False` for data that will be thrown away. Raises `CommandFailed`, and
    `EmbeddedServerError` in a group: see `interruption.py`.
    """
    refuse_taken(ports)
    folder.make()
    secrets = _secrets_of(folder)
    async with AsyncExitStack() as stack:
        stack.enter_context(guarded(ports))
        servers = await start_servers(
            stack,
            folder,
            ports=ports,
            kafka_password=secrets.kafka_admin_password,
            durable=durable,
            on_progress=on_progress,
        )
        addresses = _addresses(*servers)
        tell(f"PostgreSQL and Kafka {addresses.kafka} are ready")
        await _prepare(addresses, secrets)
        tell("schemas, topics, agencies' accounts and demonstration sites are there")
        plans = plan_children(
            servers=addresses,
            ports=ports,
            secrets=secrets,
            logs=folder.logs,
            pace=pace,
            outcome=outcome,
            inherited=environment_beginning_with((PREFIX,)),
        )
        nursery = Nursery(tell=tell)
        stack.push_async_callback(asyncio.to_thread, nursery.stop, STOP_ORDER)
        ready = await _start_children(nursery, plans, door_urls(ports))
        running = _running(addresses, ports)
        folder.write_running(running)
        stack.callback(folder.forget_running)
        yield Fleet(running, secrets, nursery, servers, tell, ready)


def _secrets_of(folder: StateFolder) -> DemonstrationSecrets:
    demonstration = read_demonstration()
    return load_or_make_secrets(
        folder,
        tokens=token_accounts(demonstration),
        people=people_accounts(demonstration),
    )


async def _prepare(servers: Servers, secrets: DemonstrationSecrets) -> None:
    """Bring schemas, topics, agencies' accounts and demonstration accounts up to date."""
    passwords = {
        partner_id: secrets.partner_secrets[f"{partner_id.upper()}_KAFKA_PASSWORD"]
        for partner_id in QUEUE_PARTNERS
    }
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_prepare_database(servers.database_url, secrets))
        tasks.create_task(create_missing(servers.kafka, passwords=passwords))


async def _prepare_database(url: str, secrets: DemonstrationSecrets) -> None:
    await apply_migrations(url)
    await open_demonstration(url, secrets=secrets, clock=SystemClock())


async def _start_children(
    nursery: Nursery, plans: Mapping[str, ChildPlan], urls: Mapping[str, str]
) -> dict[str, float]:
    """Start each and wait until it says it is ready; gives how many seconds that took."""
    turn = asyncio.Semaphore(STARTS_AT_ONCE)
    async with http_session() as http:

        async def start(name: str) -> float:
            async with turn:
                started = time.monotonic()
                nursery.start(plans[name])
                while not await is_ready(http, urls[name] + HEALTH_PATHS[name]):
                    nursery.refuse_dead(name)
                    if time.monotonic() - started > READY_WITHIN_SECONDS:
                        raise CommandFailed(
                            f"{name} is not ready after {READY_WITHIN_SECONDS:.0f} s.",
                            hint=f"See {plans[name].log_file}.",
                        )
                    await asyncio.sleep(LOOK_EVERY_SECONDS)
                return time.monotonic() - started

        async with asyncio.TaskGroup() as tasks:
            starts = {name: tasks.create_task(start(name)) for name in plans}
    return {name: task.result() for name, task in starts.items()}


def _addresses(postgresql: KeptServer[PostgresqlServer], kafka: KeptServer[KafkaServer]) -> Servers:
    broker = kafka.current
    return Servers(postgresql.current.dsn, broker.internal, broker.agencies)


def _running(servers: Servers, ports: Ports) -> Running:
    urls = door_urls(ports)
    return Running(
        pid=os.getpid(),
        started_at=SystemClock().now().isoformat(),
        database_url=servers.database_url,
        kafka=servers.kafka,
        kafka_agencies=servers.kafka_agencies,
        intake=urls[INTAKE],
        router=urls[ROUTER],
        partner_adapters=urls[PARTNER_ADAPTERS],
        simulators=urls[SIMULATORS],
    )
