"""Puts a bench together: the service's own adapter, and what each kind is probed with."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from services.partner_adapters.callback_signature import read_keys
from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.callback_door import CallbackDoor
from services.partner_adapters.conformance.hearing import Hearing, keep_collecting
from services.partner_adapters.conformance.rest_probe import rest_probe
from services.partner_adapters.conformance.verdict import CannotRun
from services.partner_adapters.conformance.webhook import webhook_probe
from services.partner_adapters.partner_adapter import Delivery
from services.partner_adapters.partner_environment import ConnectedPartner, PartnerNotConfigured
from services.partner_adapters.partner_file import ByCallback, ByPolling
from services.partner_adapters.registry import ADAPTERS, Transports
from shared.plumbing.clock import Clock


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


PROBES: Mapping[str, Callable[[ConnectedPartner, Clock], Probe]] = {
    "rest": lambda partner, clock: rest_probe(partner, clock=clock),
    "webhook": lambda partner, clock: webhook_probe(partner, clock=clock),
}


class _NoTransport:
    """Stands where a kind that is not this one would need its transport."""

    async def send(self, **_: object) -> None:
        raise CannotRun("this kind has no queue")

    async def put(self, delivery: Delivery, *, partner_id: str) -> None:  # noqa: ARG002
        raise CannotRun("this kind has no inbox")


@asynccontextmanager
async def set_up(partner: ConnectedPartner, terms: Terms) -> AsyncIterator[Bench]:
    """A bench for one partner; raises `CannotRun`."""
    file = partner.file
    if file.kind not in PROBES:
        raise CannotRun(f"there are no checks for {file.kind} yet")
    hearing = Hearing()
    async with AsyncExitStack() as stack:
        transports = Transports(queue=_NoTransport(), inbox=_NoTransport(), clock=terms.clock)
        try:
            adapter = ADAPTERS[file.kind].build(partner, transports)
            probe = PROBES[file.kind](partner, terms.clock)
        except PartnerNotConfigured as error:
            raise CannotRun(str(error)) from error
        stack.push_async_callback(adapter.close)
        stack.push_async_callback(probe.close)
        door = None
        if isinstance(file.status_return, ByCallback):
            door = await _open_door(stack, partner, file.status_return, hearing, terms)
        elif isinstance(file.status_return, ByPolling):
            every = min(file.status_return.every_seconds, terms.patience / 20)
            collecting = asyncio.ensure_future(keep_collecting(adapter, hearing, every=every))
            stack.callback(collecting.cancel)
        bench = Bench(
            partner=partner,
            adapter=adapter,
            hearing=hearing,
            clock=terms.clock,
            patience=terms.patience,
            probe=probe,
            door=door,
        )
        stack.callback(bench.stop)
        yield bench


async def _open_door(
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
    try:
        address = await door.open(host=terms.host, port=terms.port)
    except OSError as error:
        raise CannotRun(f"port {terms.port} cannot be opened: {error.strerror}") from error
    stack.push_async_callback(door.close)
    terms.tell(f"its test system must call {address}{door.path}")
    return door
