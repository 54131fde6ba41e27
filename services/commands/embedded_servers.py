"""PostgreSQL and Kafka of one state folder: started together, started again when one dies."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Generic, TypeVar

from services.commands.addresses import Ports
from services.commands.child_process import log_tail
from services.commands.keep_running import Deaths
from services.commands.outcome import CommandFailed
from services.commands.state_folder import StateFolder
from shared.embedded.kafka import KafkaServer, start_kafka
from shared.embedded.kafka_jars import Progress
from shared.embedded.postgresql import PostgresqlServer, start_postgresql
from shared.embedded.server_process import EmbeddedServer

LOOK_EVERY_SECONDS = 0.5


S = TypeVar("S", bound=EmbeddedServer)


class KeptServer(Generic[S]):
    """A server that is started again, on its data and its ports, when it dies."""

    def __init__(self, first: S, start: Callable[[], S]) -> None:
        self.current = first
        self._start = start

    def stop(self) -> None:
        self.current.stop()

    async def follow(self, tell: Callable[[str], None]) -> None:
        """Until cancelled; raises `CommandFailed` when it keeps dying."""
        deaths = Deaths()
        while True:
            started = time.monotonic()
            while self.current.is_running():  # noqa: ASYNC110 - a process has no event
                await asyncio.sleep(LOOK_EVERY_SECONDS)
            process = self.current.process
            if not deaths.count(lived_seconds=time.monotonic() - started):
                raise CommandFailed(
                    f"{process.name} keeps dying.\n{log_tail(process.log_file)}",
                    hint=f"The whole log: {process.log_file}",
                )
            tell(f"{process.name} died: it is started again")
            await asyncio.sleep(deaths.pause_seconds())
            self.current = await _started(self._start)


async def start_servers(
    stack: AsyncExitStack,
    folder: StateFolder,
    *,
    ports: Ports,
    kafka_password: str,
    durable: bool,
    on_progress: Progress | None,
) -> tuple[KeptServer[PostgresqlServer], KeptServer[KafkaServer]]:
    """Start both at once; `stack` stops what did start. Raises `EmbeddedServerError`, grouped."""

    def postgresql() -> PostgresqlServer:
        return start_postgresql(data_folder=folder.postgresql, durable=durable)

    def kafka() -> KafkaServer:
        return start_kafka(
            data_folder=folder.kafka,
            admin_password=kafka_password,
            internal_port=ports.kafka,
            agencies_port=ports.kafka_agencies,
            controller_port=ports.kafka_controller,
            on_progress=on_progress,
            durable=durable,
        )

    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(_kept(stack, postgresql))
        second = tasks.create_task(_kept(stack, kafka))
    return first.result(), second.result()


async def _kept(stack: AsyncExitStack, start: Callable[[], S]) -> KeptServer[S]:
    server = KeptServer(await _started(start), start)
    stack.push_async_callback(asyncio.to_thread, server.stop)
    return server


async def _started(start: Callable[[], S]) -> S:
    """Start in a thread. A thread cannot be cancelled: what it starts is waited for and stopped."""
    starting: asyncio.Task[S] = asyncio.create_task(asyncio.to_thread(start))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait({starting})
        if starting.exception() is None:
            await asyncio.to_thread(starting.result().stop)
        raise
