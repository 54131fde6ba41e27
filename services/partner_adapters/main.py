"""The composition root of partner_adapters: settings → partners → database → loops and door."""

import os
import secrets
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from services.partner_adapters import SCHEMA
from services.partner_adapters.backlog import measuring_backlog
from services.partner_adapters.collecting import Collecting
from services.partner_adapters.consumers import hear_referrals, hear_replies, keep_hearing
from services.partner_adapters.describe_partners import describe_partners
from services.partner_adapters.door_parts import CallbackCommit, DoorParts
from services.partner_adapters.http_api import add_routes
from services.partner_adapters.http_pages import add_pages
from services.partner_adapters.partner_adapter import Collects, PartnerAdapter
from services.partner_adapters.partner_environment import (
    ConnectedPartner,
    PartnerNotConfigured,
    connect_partners,
)
from services.partner_adapters.partner_file import ByPolling, ByTopic
from services.partner_adapters.partner_locks import PartnerLocks
from services.partner_adapters.partner_loop import OVERTIME, PartnerLoop, Recorder
from services.partner_adapters.portal_store import PortalInbox
from services.partner_adapters.queue_producer import QueueProducer
from services.partner_adapters.read_partner_files import load_partner_files
from services.partner_adapters.record_deliveries import record_deliveries
from services.partner_adapters.record_partner_status import Recorded, record_partner_status
from services.partner_adapters.registry import ADAPTERS, Transports
from services.partner_adapters.settings import Settings
from services.partner_adapters.status_store import Said
from services.partner_adapters.watching_deadlines import watching_deadlines
from shared.contracts.topics import Topic, all_topics
from shared.plumbing.access import SessionVerifier
from shared.plumbing.clock import Clock, SystemClock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.group_commit import GroupCommit
from shared.plumbing.health import Health
from shared.plumbing.http_door import build_door, session_authenticator
from shared.plumbing.observability import log
from shared.plumbing.outbox import Outbox
from shared.plumbing.outbox_relay import OutboxRelay
from shared.plumbing.sealing import KeyRing, Sealer
from shared.plumbing.service import (
    Job,
    after_topics_exist,
    connect_patiently,
    run_service,
    running,
    sweeping,
)

_LINGER = 0.02
"""Seconds that an outcome waits for others to share its commit."""
_QUEUE_TIMEOUT = 8.0


@dataclass(frozen=True, kw_only=True)
class Core:
    """What every part of the service is built from."""

    partners: Mapping[str, ConnectedPartner]
    database: Database
    outbox: Outbox
    sealer: Sealer
    clock: Clock

    def of_kind(self, way: type) -> list[str]:
        """The partners whose statuses come back this way."""
        return [
            partner_id
            for partner_id, partner in self.partners.items()
            if isinstance(partner.file.status_return, way)
        ]

    async def record_statuses(self, tx: Transaction, said: Sequence[Said]) -> list[Recorded]:
        """`record_partner_status` with everything but what is to be recorded."""
        return await record_partner_status(
            tx,
            said,
            words={each: partner.file.status_words() for each, partner in self.partners.items()},
            sealer=self.sealer,
            outbox=self.outbox,
            clock=self.clock,
        )

    async def record_callbacks(
        self, tx: Transaction, callbacks: Sequence[Sequence[Said]]
    ) -> list[Sequence[Recorded]]:
        """Many callbacks in one transaction; one list of answers each."""
        answers = iter(
            await self.record_statuses(tx, [said for callback in callbacks for said in callback])
        )
        return [[next(answers) for _ in callback] for callback in callbacks]

    def recorder(self) -> Recorder:
        """Where all loops record how their calls ended."""
        rules = {each: partner.file.delivery_rules() for each, partner in self.partners.items()}
        handle = partial(
            record_deliveries,
            rules=rules,
            sealer=self.sealer,
            outbox=self.outbox,
            clock=self.clock,
        )
        return GroupCommit(database=self.database, handle=handle, linger=_LINGER)


def read_partners(
    settings: Settings, environment: Mapping[str, str]
) -> dict[str, ConnectedPartner]:
    """The partners to serve; raises `PartnerFileError` or `PartnerNotConfigured`."""
    files = load_partner_files(kinds=ADAPTERS, folder=settings.partners_folder)
    served = settings.served()
    if served is not None:
        if unknown := served - files.keys():
            raise PartnerNotConfigured(f"AIGUILLAGE_PARTNERS: no file for {', '.join(unknown)}")
        files = {each: file for each, file in files.items() if each in served}
    if delays := settings.delays():
        files = {each: file.retried_after(delays) for each, file in files.items()}
    if seconds := settings.partners_every_seconds:
        files = {each: file.hurried(seconds) for each, file in files.items()}
    return connect_partners(files, environment, on_loopback=settings.partners_on_loopback)


def build_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    environment: Mapping[str, str] | None = None,
) -> FastAPI:
    """The service as one application; everything starts and stops with its lifespan.

    `environment` (the process's own by default) holds partners' addresses and secrets. Raises
    `PartnerFileError` or `PartnerNotConfigured`; starting raises `SchemaOutOfDate` or
    `DatabaseUnavailable`.
    """
    clock = clock or SystemClock()
    sealer = Sealer(KeyRing.parse(settings.key_ring.get_secret_value()))
    partners = read_partners(settings, os.environ if environment is None else environment)
    health = Health(clock=clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        url = settings.database_url.get_secret_value()
        database = await connect_patiently(url, schema=SCHEMA)
        core = Core(
            partners=partners,
            database=database,
            outbox=Outbox(schema=SCHEMA, source=SCHEMA, clock=clock),
            sealer=sealer,
            clock=clock,
        )
        try:
            async with _serving(app, core, kafka=settings.kafka, health=health):
                yield
        finally:
            await database.close()

    app = build_door(
        service=SCHEMA,
        title="Aiguillage : administrations partenaires",
        description=(
            "Les réponses des administrations, leur portail, et l’exploitation des échanges."
        ),
        version=version("aiguillage"),
        authenticate=session_authenticator(
            SessionVerifier(settings.session_public_key), clock=clock
        ),
        health=health,
        lifespan=lifespan,
    )
    add_routes(app)
    add_pages(app, sign_in=settings.sign_in)
    return app


@asynccontextmanager
async def _serving(app: FastAPI, core: Core, *, kafka: str, health: Health) -> AsyncIterator[None]:
    """Start the parts in the order they need each other, and stop them in the reverse one."""
    relay = OutboxRelay(
        database=core.database, outbox=core.outbox, schema=SCHEMA, kafka=kafka, clock=core.clock
    )
    async with core.database.transaction() as tx:
        files = {each: partner.file for each, partner in core.partners.items()}
        described = await describe_partners(tx, files, outbox=core.outbox, clock=core.clock)
    queue = QueueProducer(kafka=kafka, timeout=_QUEUE_TIMEOUT)
    transports = Transports(
        queue=queue,
        inbox=PortalInbox(database=core.database, sealer=core.sealer, clock=core.clock),
        clock=core.clock,
    )
    adapters = {
        each: ADAPTERS[partner.file.kind].build(partner, transports)
        for each, partner in core.partners.items()
    }
    recorder = core.recorder()
    callbacks: CallbackCommit = GroupCommit(database=core.database, handle=core.record_callbacks)
    locks = PartnerLocks(database=core.database, partner_ids=list(core.partners))
    loops = _loops(core, adapters=adapters, locks=locks, recorder=recorder)
    jobs = _jobs(core, kafka=kafka, loops=loops, health=health)
    jobs |= _collecting(core, adapters=adapters, locks=locks)
    # The loops finish the calls under way at the end, and need these until then.
    needed_by_loops: dict[str, Job] = {
        "outbox relay": after_topics_exist(relay.run, kafka=kafka, topics=_topics(core)),
        "partner locks": locks.run,
        "queue producer": queue.run,
    }
    app.state.parts = DoorParts(
        partners=core.partners,
        database=core.database,
        callbacks=callbacks,
        record=core.record_statuses,
        outbox=core.outbox,
        sealer=core.sealer,
        clock=core.clock,
    )
    await recorder.start()
    await callbacks.start()
    try:
        async with running(app, needed_by_loops), running(app, jobs):
            log.info("partner_adapters_started", partners=list(core.partners), described=described)
            yield
    finally:
        await recorder.stop()
        await callbacks.stop()
        for adapter in adapters.values():
            await adapter.close()


def _loops(
    core: Core,
    *,
    adapters: Mapping[str, PartnerAdapter],
    locks: PartnerLocks,
    recorder: Recorder,
) -> dict[str, PartnerLoop]:
    owner = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
    return {
        each: PartnerLoop(
            partner=partner.file,
            adapter=adapters[each],
            owner=owner,
            locks=locks,
            database=core.database,
            recorder=recorder,
            sealer=core.sealer,
            clock=core.clock,
        )
        for each, partner in core.partners.items()
    }


def _jobs(
    core: Core,
    *,
    kafka: str,
    loops: Mapping[str, PartnerLoop],
    health: Health,
) -> dict[str, Job]:
    """What hears, and the loops that deliver."""
    topics = _topics(core)
    referrals = hear_referrals(
        kafka=kafka,
        partner_ids=list(core.partners),
        database=core.database,
        outbox=core.outbox,
        clock=core.clock,
        wake=partial(_wake, loops),
    )
    health.add("postgresql", core.database.probe)
    health.add("kafka", referrals.probe)
    jobs: dict[str, Job] = {
        "referrals": after_topics_exist(referrals.run, kafka=kafka, topics=topics),
        "backlog": measuring_backlog(core.database, clock=core.clock),
        "deadlines": watching_deadlines(
            core.database,
            [partner.file for partner in core.partners.values()],
            outbox=core.outbox,
            clock=core.clock,
        ),
        "sweeping": sweeping(core.database, schema=SCHEMA, clock=core.clock),
        **{f"partner {each}": loop.run for each, loop in loops.items()},
    }
    if queue_partners := core.of_kind(ByTopic):
        subscribe = partial(
            hear_replies,
            kafka=kafka,
            partner_ids=queue_partners,
            database=core.database,
            record=core.record_statuses,
            clock=core.clock,
        )
        replies = partial(keep_hearing, subscribe)
        jobs["replies"] = after_topics_exist(replies, kafka=kafka, topics=topics)
    return jobs


def _wake(loops: Mapping[str, PartnerLoop], partner_id: str) -> None:
    if loop := loops.get(partner_id):
        loop.wake()


def _collecting(
    core: Core, *, adapters: Mapping[str, PartnerAdapter], locks: PartnerLocks
) -> dict[str, Job]:
    jobs: dict[str, Job] = {}
    for partner_id, partner in core.partners.items():
        way, adapter = partner.file.status_return, adapters[partner_id]
        if isinstance(way, ByPolling) and isinstance(adapter, Collects):
            collecting = Collecting(
                partner_id=partner_id,
                adapter=adapter,
                every=way.every_seconds,
                timeout=partner.file.limits.request_timeout_seconds + OVERTIME,
                locks=locks,
                database=core.database,
                record=core.record_statuses,
                sealer=core.sealer,
                clock=core.clock,
            )
            jobs[f"statuses of {partner_id}"] = collecting.run
    return jobs


def _topics(core: Core) -> list[Topic]:
    ours = all_topics(partner_ids=list(core.partners), queue_partner_ids=core.of_kind(ByTopic))
    return [topic for topic in ours if SCHEMA in (*topic.read_by, *topic.written_by)]


async def run(settings: Settings) -> None:
    """Serve until SIGTERM; raises `ServiceFailed` when a part of the service ended."""
    await run_service(
        partial(build_app, settings), settings, service=SCHEMA, port=settings.partner_adapters_port
    )
