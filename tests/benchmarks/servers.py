"""A PostgreSQL that flushes every commit and a Kafka, for the benchmarks of the plumbing."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from shared.contracts.topics import Topic
from shared.embedded.kafka import start_kafka
from shared.embedded.postgresql import start_postgresql
from shared.plumbing.topic_admin import create_topics
from tests.infrastructure import temporary_folder

_HOUR_MS = 3_600_000


@dataclass(frozen=True)
class BenchServers:
    database_url: str
    kafka: str

    async def new_topic(self, name: str, *, partitions: int = 8) -> str:
        """A topic of one's own whose name begins like this."""
        topic = Topic(
            name=f"bench-{name}-{secrets.token_hex(4)}",
            carries=(),
            written_by=(),
            read_by=(),
            partitions=partitions,
            retention_ms=_HOUR_MS,
        )
        await create_topics(self.kafka, [topic])
        return topic.name


@asynccontextmanager
async def durable_servers() -> AsyncIterator[BenchServers]:
    """Both servers on data that is thrown away, yet flushed as in production.

    The tests' own servers do not flush (`fsync=off`), which would flatter whoever commits often.
    Servers named in the environment (AIGUILLAGE_TEST_…) are not used: their settings are unknown.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        # PostgreSQL runs as another user, who must be able to pass through.
        os.chmod(folder, 0o755)  # noqa: PTH101 - a Path or a string
        postgresql = await asyncio.to_thread(start_postgresql, data_folder=folder / "postgresql")
        stack.push_async_callback(asyncio.to_thread, postgresql.stop)
        kafka = await asyncio.to_thread(
            start_kafka, data_folder=folder / "kafka", admin_password=secrets.token_hex(16)
        )
        stack.push_async_callback(asyncio.to_thread, kafka.stop)
        yield BenchServers(database_url=postgresql.dsn, kafka=kafka.internal)
