"""What the three composition roots share: connecting with patience, supervising, serving."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import structlog
import uvicorn
from fastapi import FastAPI

from shared.contracts.topics import Topic
from shared.plumbing.clock import Clock
from shared.plumbing.database import TRANSIENT, Database, DatabaseUnavailable
from shared.plumbing.http_head import BoundedHead
from shared.plumbing.inbox import sweep_inbox
from shared.plumbing.migrations import verify_schema
from shared.plumbing.observability import configure_logging
from shared.plumbing.settings import ServiceSettings
from shared.plumbing.topic_admin import KafkaUnavailable, verify_topics
from shared.plumbing.tracing import configure_tracing

log = structlog.get_logger()

Job = Callable[[], Awaitable[None]]

_PATIENCE = 30
"""Tries, a second apart, before a service gives up on a database that never answered."""
_SWEEP_EVERY = 3600.0


class ServiceFailed(Exception):
    """A background job ended; the process must end too, and be started anew."""


async def connect_patiently(url: str, *, schema: str, max_size: int = 8) -> Database:
    """Connect and verify the schema; raises `DatabaseUnavailable` or `SchemaOutOfDate`."""
    for remaining in reversed(range(_PATIENCE)):
        try:
            database = await Database.connect(url, application=schema, max_size=max_size)
            break
        except DatabaseUnavailable:
            if not remaining:
                raise
            log.warning("database_awaited", schema=schema, tries_left=remaining)
            await asyncio.sleep(1)
    try:
        await verify_schema(database, schema=schema)
    except BaseException:
        await database.close()
        raise
    return database


@contextlib.asynccontextmanager
async def running(app: FastAPI, jobs: Mapping[str, Job]) -> AsyncIterator[None]:
    """Run jobs in the background; one that ends by itself ends the service."""
    failed = _failure_of(app)

    def report(task: asyncio.Task[None]) -> None:
        if task.cancelled() or failed.done():
            return
        error = task.exception()
        log.critical(
            "background_job_ended", job=task.get_name(), cause=type(error).__name__, exc_info=error
        )
        failed.set_result(task.get_name())

    tasks = [asyncio.create_task(_as_coroutine(job), name=name) for name, job in jobs.items()]
    for task in tasks:
        task.add_done_callback(report)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def after_topics_exist(job: Job, *, kafka: str, topics: Sequence[Topic]) -> Job:
    """Hold a job back until Kafka answers and has these topics as declared.

    Raises `TopicsNotAsDeclared` once Kafka answers and does not have them.
    """

    async def held_back() -> None:
        while True:
            try:
                await verify_topics(kafka, topics)
                break
            except KafkaUnavailable:
                log.warning("kafka_awaited")
                await asyncio.sleep(1)
        await job()

    return held_back


def sweeping(database: Database, *, schema: str, clock: Clock) -> Job:
    """The hourly job that forgets old inbox rows and idempotency keys."""

    async def sweep() -> None:
        while True:
            try:
                await sweep_inbox(database, schema=schema, now=clock.now())
            except (DatabaseUnavailable, *TRANSIENT) as error:
                log.warning("sweep_postponed", schema=schema, cause=type(error).__name__)
            await clock.sleep(_SWEEP_EVERY)

    return sweep


class _Server(uvicorn.Server):
    """uvicorn, which says that it stops before it waits for its connections to end."""

    def __init__(self, config: uvicorn.Config, *, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)


async def run_service(
    build_app: Callable[[], FastAPI],
    settings: ServiceSettings,
    *,
    service: str,
    port: int,
    on_stop: Callable[[FastAPI], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM, with logs and traces; raises what `build_app` and `serve` raise."""
    configure_logging(service=service, level=settings.log_level, log_format=settings.log_format)
    stop_tracing = configure_tracing(service=service, otlp_endpoint=settings.otlp_endpoint)
    log.info("settings_read", **settings.masked())
    try:
        app = build_app()
        await serve(app, host=settings.host, port=port, on_stop=lambda: on_stop(app))
    finally:
        stop_tracing()


async def serve(
    app: FastAPI, *, host: str, port: int, on_stop: Callable[[], None] = lambda: None
) -> None:
    """Serve until SIGTERM or SIGINT; raises `ServiceFailed` when a background job ended.

    `on_stop` is called first when stopping: the place to end answers that have no end.
    """
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=BoundedHead,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=3,
        ),
        on_stop=on_stop,
    )
    # uvicorn raises again, at the end, the signal that stopped it: that must not kill us then.
    for stopping in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stopping, _already_heard)
    failed = _failure_of(app)
    failed.add_done_callback(lambda _: setattr(server, "should_exit", True))
    await server.serve()
    if failed.done():
        raise ServiceFailed(f"the background job {failed.result()} ended; see the log above")
    if not server.started:
        raise ServiceFailed("the service did not start; see the log above")


def _already_heard(*_: object) -> None:
    """The signal has done its work."""


def _failure_of(app: FastAPI) -> asyncio.Future[str]:
    if not hasattr(app.state, "failure"):
        app.state.failure = asyncio.get_running_loop().create_future()
    failure: asyncio.Future[str] = app.state.failure
    return failure


async def _as_coroutine(job: Job) -> None:
    await job()
