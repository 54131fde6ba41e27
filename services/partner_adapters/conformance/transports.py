"""What the kinds need to be talked to: a queue, an inbox, a door where the agency comes to us."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web
from aiokafka.errors import KafkaError

from services.partner_adapters.adapters.kafka_queue import Queue
from services.partner_adapters.adapters.portal import Inbox
from services.partner_adapters.conformance.hearing import Hearing
from services.partner_adapters.conformance.kafka_queue import QueueProbe
from services.partner_adapters.conformance.portal_door import ACCOUNT, PASSWORD, PortalDoor
from services.partner_adapters.conformance.reply_reader import reading_replies
from services.partner_adapters.conformance.verdict import CannotRun
from services.partner_adapters.partner_adapter import Delivery
from services.partner_adapters.partner_environment import ConnectedPartner
from services.partner_adapters.queue_producer import QueueProducer
from shared.contracts.topics import partner_queue_topic, partner_replies_topic
from shared.plumbing.clock import Clock

SECONDS_FOR_KAFKA = 10
SECONDS_FOR_CALLS_IN_FLIGHT = 0.2


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How the kit is to run."""

    clock: Clock
    patience: float = 60
    """Seconds given to the agency for each thing it is to say."""
    host: str = "127.0.0.1"
    port: int = 0
    """Of the door for agencies that come to us; 0 takes a free one."""
    kafka: str | None = None
    """Our own listener, for agencies that work by Kafka."""
    tell: Callable[[str], None] = lambda _: None
    """Where to say what the person who runs the kit must do."""


class Probe(Protocol):
    async def close(self) -> None: ...


class Listens(Protocol):
    async def answer(self, request: web.BaseRequest) -> web.StreamResponse: ...


class _NoTransport:
    """Stands where a kind that is not this one would need its transport."""

    async def send(self, **_: object) -> None:
        raise CannotRun("this kind has no queue")

    async def put(self, delivery: Delivery, *, partner_id: str) -> None:  # noqa: ARG002
        raise CannotRun("this kind has no inbox")


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A kind made ready: what its adapter is handed, and what its own checks use."""

    probe: Probe
    queue: Queue = field(default_factory=_NoTransport)
    inbox: Inbox = field(default_factory=_NoTransport)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a partner is set up; what is opened on `stack` is closed with it."""

    stack: AsyncExitStack
    partner: ConnectedPartner
    hearing: Hearing
    terms: Terms


async def open_queue(place: Place) -> Opened:
    """Write to the agency's topic, hear its replies; raises `CannotRun`."""
    partner, terms, stack = place.partner, place.terms, place.stack
    if terms.kafka is None:
        raise CannotRun("AIGUILLAGE_KAFKA must be set: the kit writes to the agency's topic")
    queue = QueueProducer(kafka=terms.kafka, timeout=SECONDS_FOR_KAFKA)
    producing = asyncio.ensure_future(queue.run())
    stack.push_async_callback(ended, producing)
    topic = partner_replies_topic(partner.file.id).name
    reading = reading_replies(kafka=terms.kafka, topic=topic, hearing=place.hearing)
    try:
        replies = await stack.enter_async_context(reading)
        async with asyncio.timeout(SECONDS_FOR_KAFKA):
            await queue.connected.wait()
    except (KafkaError, TimeoutError) as error:
        raise CannotRun(f"Kafka cannot be reached at {terms.kafka}") from error
    probe = QueueProbe(
        queue=queue,
        topic=partner_queue_topic(partner.file.id).name,
        public_key=partner.public_key(),
        replies=replies,
    )
    return Opened(probe=probe, queue=queue)


async def open_portal(place: Place) -> Opened:
    """Be the portal where the agency's people work; raises `CannotRun`."""
    terms, partner_id = place.terms, place.partner.file.id
    door = PortalDoor(partner_id=partner_id, hearing=place.hearing, clock=terms.clock)
    address = await listen(door, place)
    terms.tell(
        f"its people’s tool must sign in at {address}, for sessions and for the portal, "
        f"with account {ACCOUNT} and password {PASSWORD}"
    )
    return Opened(probe=door, inbox=door)


async def listen(door: Listens, place: Place) -> str:
    """Open a door where the agency comes to us; its address. Raises `CannotRun`."""
    terms = place.terms
    server = web.Server(door.answer, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=SECONDS_FOR_CALLS_IN_FLIGHT)
    await runner.setup()
    place.stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, terms.host, terms.port, reuse_address=True).start()
    except OSError as error:
        raise CannotRun(f"port {terms.port} cannot be opened: {error.strerror}") from error
    return f"http://{terms.host}:{runner.addresses[0][1]}"


async def ended(task: asyncio.Future[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
