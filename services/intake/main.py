"""Intake's composition root: settings → database → HTTP door, consumer and relay."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI, Request

from services.intake import SCHEMA
from services.intake.authentication import Authenticator
from services.intake.consumers import TOPICS, build_consumption
from services.intake.creating_call import CallsInFlight
from services.intake.door_parts import DoorParts, parts_of
from services.intake.event_feed import EventFeed
from services.intake.http_api import add_case_routes
from services.intake.http_live import add_live_routes
from services.intake.http_pages import add_pages
from services.intake.http_sessions import add_session_routes
from services.intake.known_directory import KnownDirectory
from services.intake.settings import Settings
from services.intake.sign_in_brake import SignInBrake
from services.intake.store_submissions import store_submissions
from shared.contracts.topics import CASE_REQUESTS
from shared.plumbing.access import Principal, SessionSigner, SessionVerifier
from shared.plumbing.clock import Clock, SystemClock
from shared.plumbing.database import Database
from shared.plumbing.group_commit import GroupCommit
from shared.plumbing.health import Health
from shared.plumbing.http_door import build_door
from shared.plumbing.observability import log
from shared.plumbing.outbox import Outbox
from shared.plumbing.outbox_relay import OutboxRelay
from shared.plumbing.passwords import Passwords
from shared.plumbing.sealing import KeyRing, Sealer
from shared.plumbing.service import (
    after_topics_exist,
    connect_patiently,
    run_service,
    running,
    sweeping,
)


def build_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """The service as one application; everything starts and stops with its lifespan.

    Starting raises `SchemaOutOfDate` or `DatabaseUnavailable`. Kafka may come later: requests
    are accepted without it.
    """
    clock = clock or SystemClock()
    sealer = Sealer(KeyRing.parse(settings.key_ring.get_secret_value()))
    signer = SessionSigner(settings.session_private_key.get_secret_value())
    verifier = SessionVerifier(settings.session_public_key)
    health = Health(clock=clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = await connect_patiently(
            settings.database_url.get_secret_value(),
            schema=SCHEMA,
            max_size=settings.database_connections,
        )
        try:
            async with _serving(
                app,
                database,
                authenticator=Authenticator(database=database, verifier=verifier, clock=clock),
                sealer=sealer,
                signer=signer,
                kafka=settings.kafka,
                clock=clock,
                health=health,
            ):
                yield
        finally:
            await database.close()

    app = build_door(
        service=SCHEMA,
        title="Aiguillage : accueil",
        description="Déposer une demande une seule fois, la suivre, y répondre, la retirer.",
        version=version("aiguillage"),
        authenticate=_authenticate,
        health=health,
        lifespan=lifespan,
    )
    add_case_routes(app)
    add_live_routes(app)
    add_session_routes(app)
    add_pages(app, elsewhere=settings.pages_elsewhere())
    return app


@asynccontextmanager
async def _serving(
    app: FastAPI,
    database: Database,
    *,
    authenticator: Authenticator,
    sealer: Sealer,
    signer: SessionSigner,
    kafka: str,
    clock: Clock,
    health: Health,
) -> AsyncIterator[None]:
    outbox = Outbox(schema=SCHEMA, source=SCHEMA, clock=clock)
    relay = OutboxRelay(database=database, outbox=outbox, schema=SCHEMA, kafka=kafka, clock=clock)
    feed = EventFeed(database=database)
    consumption = build_consumption(kafka=kafka, database=database, clock=clock, on_news=feed.wake)
    health.add("postgresql", database.probe)
    health.add("kafka", consumption.probe)
    submissions = GroupCommit(
        database=database, handle=partial(store_submissions, outbox=outbox, sealer=sealer)
    )
    app.state.parts = DoorParts(
        database=database,
        outbox=outbox,
        sealer=sealer,
        known_directory=KnownDirectory(database=database, clock=clock),
        authenticator=authenticator,
        signer=signer,
        passwords=Passwords(),
        sign_in_brake=SignInBrake(clock=clock),
        feed=feed,
        submissions=submissions,
        in_flight=CallsInFlight(),
        clock=clock,
    )
    topics = [CASE_REQUESTS, *TOPICS]
    jobs = {
        "outbox relay": after_topics_exist(relay.run, kafka=kafka, topics=topics),
        "consumption": after_topics_exist(consumption.run, kafka=kafka, topics=topics),
        "event feed": feed.run,
        "sweeping": sweeping(database, schema=SCHEMA, clock=clock),
    }
    await submissions.start()
    try:
        async with running(app, jobs):
            log.info("intake_started")
            yield
            feed.end_all()
    finally:
        await submissions.stop()


async def run(settings: Settings) -> None:
    """Serve until SIGTERM; raises `ServiceFailed` when a part of the service ended."""
    await run_service(
        partial(build_app, settings),
        settings,
        service=SCHEMA,
        port=settings.intake_port,
        on_stop=lambda app: app.state.parts.feed.end_all(),
    )


async def _authenticate(request: Request) -> Principal | None:
    return await (await parts_of(request)).authenticator(request)
