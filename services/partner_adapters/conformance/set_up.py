"""Puts a bench together: the service's own adapter, and what each kind is probed with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web
from aiokafka.errors import KafkaError

from services.partner_adapters.adapters.kafka_queue import Queue
from services.partner_adapters.adapters.portal import Inbox
from services.partner_adapters.callback_signature import read_keys
from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.callback_door import CallbackDoor
from services.partner_adapters.conformance.email import EmailProbe
from services.partner_adapters.conformance.hearing import Hearing, keep_collecting
from services.partner_adapters.conformance.kafka_queue import QueueProbe
from services.partner_adapters.conformance.portal_door import ACCOUNT, PASSWORD, PortalDoor
from services.partner_adapters.conformance.reply_reader import reading_replies
from services.partner_adapters.conformance.rest_probe import rest_probe
from services.partner_adapters.conformance.sftp import sftp_probe
from services.partner_adapters.conformance.soap_probe import soap_probe
from services.partner_adapters.conformance.verdict import CannotRun
from services.partner_adapters.conformance.webhook import webhook_probe
from services.partner_adapters.partner_adapter import Delivery
from services.partner_adapters.partner_environment import ConnectedPartner, PartnerNotConfigured
from services.partner_adapters.partner_file import ByCallback, ByPolling
from services.partner_adapters.queue_producer import QueueProducer
from services.partner_adapters.registry import ADAPTERS, Transports
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


async def _rest(_: AsyncExitStack, partner: ConnectedPartner, __: Hearing, terms: Terms) -> Opened:
    return Opened(probe=rest_probe(partner, clock=terms.clock))


async def _webhook(
    _: AsyncExitStack, partner: ConnectedPartner, __: Hearing, terms: Terms
) -> Opened:
    return Opened(probe=webhook_probe(partner, clock=terms.clock))


async def _soap(_: AsyncExitStack, partner: ConnectedPartner, __: Hearing, terms: Terms) -> Opened:
    return Opened(probe=soap_probe(partner, clock=terms.clock))


async def _sftp(_: AsyncExitStack, partner: ConnectedPartner, __: Hearing, ___: Terms) -> Opened:
    return Opened(probe=sftp_probe(partner))


async def _email(_: AsyncExitStack, partner: ConnectedPartner, __: Hearing, terms: Terms) -> Opened:
    return Opened(probe=EmailProbe(partner=partner, clock=terms.clock))


async def _kafka_queue(
    stack: AsyncExitStack, partner: ConnectedPartner, hearing: Hearing, terms: Terms
) -> Opened:
    if terms.kafka is None:
        raise CannotRun("AIGUILLAGE_KAFKA must be set: the kit writes to the agency's topic")
    queue = QueueProducer(kafka=terms.kafka, timeout=SECONDS_FOR_KAFKA)
    producing = asyncio.ensure_future(queue.run())
    stack.push_async_callback(ended, producing)
    topic = partner_replies_topic(partner.file.id).name
    reading = reading_replies(kafka=terms.kafka, topic=topic, hearing=hearing)
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


async def _portal(
    stack: AsyncExitStack, partner: ConnectedPartner, hearing: Hearing, terms: Terms
) -> Opened:
    door = PortalDoor(partner_id=partner.file.id, hearing=hearing, clock=terms.clock)
    address = await listening(stack, door, terms)
    terms.tell(
        f"its people’s tool must sign in at {address}, for sessions and for the portal, "
        f"with account {ACCOUNT} and password {PASSWORD}"
    )
    return Opened(probe=door, inbox=door)


OPENERS: Mapping[
    str, Callable[[AsyncExitStack, ConnectedPartner, Hearing, Terms], Awaitable[Opened]]
] = {
    "rest": _rest,
    "webhook": _webhook,
    "soap": _soap,
    "sftp": _sftp,
    "email": _email,
    "kafka_queue": _kafka_queue,
    "portal": _portal,
}


@asynccontextmanager
async def set_up(partner: ConnectedPartner, terms: Terms) -> AsyncIterator[Bench]:
    """A bench for one partner; raises `CannotRun`."""
    file, hearing = partner.file, Hearing()
    if file.kind not in OPENERS:
        raise CannotRun(f"there are no checks for {file.kind} yet")
    async with AsyncExitStack() as stack:
        try:
            opened = await OPENERS[file.kind](stack, partner, hearing, terms)
            adapter = ADAPTERS[file.kind].build(
                partner, Transports(queue=opened.queue, inbox=opened.inbox, clock=terms.clock)
            )
        except PartnerNotConfigured as error:
            raise CannotRun(str(error)) from error
        stack.push_async_callback(adapter.close)
        stack.push_async_callback(opened.probe.close)
        door = None
        if isinstance(file.status_return, ByCallback):
            door = await _callback_door(stack, partner, file.status_return, hearing, terms)
        elif isinstance(file.status_return, ByPolling):
            every = min(file.status_return.every_seconds, terms.patience / 20)
            collecting = asyncio.ensure_future(keep_collecting(adapter, hearing, every=every))
            stack.push_async_callback(ended, collecting)
        bench = Bench(
            partner=partner,
            adapter=adapter,
            hearing=hearing,
            clock=terms.clock,
            patience=terms.patience,
            probe=opened.probe,
            door=door,
        )
        stack.callback(bench.stop)
        yield bench


async def _callback_door(
    stack: AsyncExitStack,
    partner: ConnectedPartner,
    way: ByCallback,
    hearing: Hearing,
    terms: Terms,
) -> CallbackDoor:
    door = CallbackDoor(
        partner_id=partner.file.id,
        keys=read_keys(partner.secret(way.secret)),
        hearing=hearing,
        clock=terms.clock,
    )
    address = await listening(stack, door, terms)
    terms.tell(f"its test system must call {address}{door.path}")
    return door


async def listening(stack: AsyncExitStack, door: Listens, terms: Terms) -> str:
    """Open a door where the agency comes to us; its address."""
    server = web.Server(door.answer, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=SECONDS_FOR_CALLS_IN_FLIGHT)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, terms.host, terms.port, reuse_address=True).start()
    except OSError as error:
        raise CannotRun(f"port {terms.port} cannot be opened: {error.strerror}") from error
    return f"http://{terms.host}:{runner.addresses[0][1]}"


async def ended(task: asyncio.Future[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
