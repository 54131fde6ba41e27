"""Puts a bench together: the service's own adapter, and what each kind is probed with."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from services.partner_adapters.callback_signature import read_keys
from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.callback_door import CallbackDoor
from services.partner_adapters.conformance.email import email_probe
from services.partner_adapters.conformance.hearing import Hearing, keep_collecting
from services.partner_adapters.conformance.rest_probe import rest_probe
from services.partner_adapters.conformance.sftp import sftp_probe
from services.partner_adapters.conformance.soap_probe import soap_probe
from services.partner_adapters.conformance.transports import (
    Opened,
    Place,
    Probe,
    Terms,
    ended,
    listen,
    open_portal,
    open_queue,
)
from services.partner_adapters.conformance.verdict import CannotRun
from services.partner_adapters.conformance.webhook import webhook_probe
from services.partner_adapters.partner_adapter import PartnerAdapter
from services.partner_adapters.partner_environment import ConnectedPartner, PartnerNotConfigured
from services.partner_adapters.partner_file import ByCallback, ByPolling
from services.partner_adapters.registry import ADAPTERS, Transports
from shared.plumbing.clock import Clock

PROBES: Mapping[str, Callable[[ConnectedPartner, Clock], Probe]] = {
    "email": email_probe,
    "rest": rest_probe,
    "sftp": sftp_probe,
    "soap": soap_probe,
    "webhook": webhook_probe,
}
"""Of the kinds that we call."""


@asynccontextmanager
async def set_up(partner: ConnectedPartner, terms: Terms) -> AsyncIterator[Bench]:
    """A bench for one partner; raises `CannotRun`."""
    async with AsyncExitStack() as stack:
        place = Place(stack=stack, partner=partner, hearing=Hearing(), terms=terms)
        try:
            opened = await _open(place)
            transports = Transports(queue=opened.queue, inbox=opened.inbox, clock=terms.clock)
            adapter = ADAPTERS[partner.file.kind].build(partner, transports)
        except PartnerNotConfigured as error:
            raise CannotRun(str(error)) from error
        stack.push_async_callback(adapter.close)
        stack.push_async_callback(opened.probe.close)
        bench = Bench(
            partner=partner,
            adapter=adapter,
            hearing=place.hearing,
            clock=terms.clock,
            patience=terms.patience,
            probe=opened.probe,
            door=await _hear(adapter, place),
        )
        stack.callback(bench.stop)
        yield bench


async def _open(place: Place) -> Opened:
    match place.partner.file.kind:
        case "kafka_queue":
            return await open_queue(place)
        case "portal":
            return await open_portal(place)
        case kind if kind in PROBES:
            return Opened(probe=PROBES[kind](place.partner, place.terms.clock))
        case kind:
            raise CannotRun(f"there are no checks for {kind} yet")


async def _hear(adapter: PartnerAdapter, place: Place) -> CallbackDoor | None:
    """Hear what the agency says, where its replies do not come by its topic or our portal."""
    way, terms = place.partner.file.status_return, place.terms
    if isinstance(way, ByPolling):
        every = min(way.every_seconds, terms.patience / 20)
        collecting = asyncio.ensure_future(keep_collecting(adapter, place.hearing, every=every))
        place.stack.push_async_callback(ended, collecting)
    if not isinstance(way, ByCallback):
        return None
    door = CallbackDoor(
        partner_id=place.partner.file.id,
        keys=read_keys(place.partner.secret(way.secret)),
        hearing=place.hearing,
        clock=terms.clock,
    )
    terms.tell(f"its test system must call {await listen(door, place)}{door.path}")
    return door
