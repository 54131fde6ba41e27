"""The router's composition root: settings → catalogue → database → door, consumer, relay."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from services.router import SCHEMA
from services.router.catalogue.load import load_catalogue
from services.router.classification.compiled_catalogue import compile_catalogue
from services.router.classification.trained_model import load_model
from services.router.consumers import GROUP, TOPICS, RouterConsumer, concerns_us
from services.router.held_decisions_loop import HeldDecisions
from services.router.http_api import DoorParts, add_routes
from services.router.http_pages import add_pages
from services.router.http_triage import TriageParts, add_triage_routes
from services.router.settings import Settings
from shared.contracts.topics import referrals_topic
from shared.plumbing.access import SessionVerifier
from shared.plumbing.clock import Clock, SystemClock
from shared.plumbing.health import Health
from shared.plumbing.http_door import build_door, session_authenticator
from shared.plumbing.kafka import consume
from shared.plumbing.observability import log
from shared.plumbing.outbox import Outbox
from shared.plumbing.outbox_relay import OutboxRelay
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

    Starting raises `CatalogueError`, `SchemaOutOfDate` or `DatabaseUnavailable`.
    """
    clock = clock or SystemClock()
    sealer = Sealer(KeyRing.parse(settings.key_ring.get_secret_value()))
    health = Health(clock=clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        catalogue = load_catalogue(more=settings.catalogue_folder)
        compiled = compile_catalogue(catalogue, model=load_model(settings.model_file))
        database = await connect_patiently(settings.database_url.get_secret_value(), schema=SCHEMA)
        outbox = Outbox(schema=SCHEMA, source=SCHEMA, clock=clock)
        relay = OutboxRelay(
            database=database, outbox=outbox, schema=SCHEMA, kafka=settings.kafka, clock=clock
        )
        consumer = RouterConsumer(
            catalogue=catalogue,
            compiled=compiled,
            sealer=sealer,
            outbox=outbox,
            clock=clock,
            undo=settings.undo,
        )
        consumption = consume(
            kafka=settings.kafka,
            topics=[topic.name for topic in TOPICS],
            group=GROUP,
            handle=consumer.handle,
            database=database,
            schema=SCHEMA,
            clock=clock,
            wants=concerns_us,
        )
        held = HeldDecisions(
            database=database, outbox=outbox, sealer=sealer, catalogue=catalogue, clock=clock
        )
        topics = [*TOPICS, *(referrals_topic(partner_id) for partner_id in catalogue.partners)]
        health.add("postgresql", database.probe)
        health.add("kafka", consumption.probe)
        app.state.parts = DoorParts(catalogue=catalogue, compiled=compiled, database=database)
        app.state.triage = TriageParts(
            catalogue=catalogue,
            compiled=compiled,
            database=database,
            sealer=sealer,
            clock=clock,
            undo=settings.undo,
        )
        jobs = {
            "outbox relay": after_topics_exist(relay.run, kafka=settings.kafka, topics=topics),
            "consumption": after_topics_exist(consumption.run, kafka=settings.kafka, topics=topics),
            "held decisions": held.run,
            "sweeping": sweeping(database, schema=SCHEMA, clock=clock),
        }
        try:
            async with running(app, jobs):
                log.info("router_started", model_version=compiled.model_version)
                yield
        finally:
            await database.close()

    app = build_door(
        service=SCHEMA,
        title="Aiguillage : orientation",
        description="Ce qui irait à quelle administration, et pourquoi ; les démarches connues.",
        version=version("aiguillage"),
        authenticate=session_authenticator(
            SessionVerifier(settings.session_public_key), clock=clock
        ),
        health=health,
        lifespan=lifespan,
    )
    add_routes(app)
    add_triage_routes(app)
    add_pages(app, sign_in=settings.sign_in)
    return app


async def run(settings: Settings) -> None:
    """Serve until SIGTERM; raises `ServiceFailed` when a part of the service ended."""
    await run_service(
        partial(build_app, settings), settings, service=SCHEMA, port=settings.router_port
    )
