"""An agency that can be told to be slow or dead, and the road of referrals to agencies."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web
from aiokafka import AIOKafkaProducer

from services.commands.addresses import HOST
from shared.contracts.cloudevents import CloudEvent, to_headers
from shared.contracts.events import ReferralIssuedV1, derive_id
from shared.contracts.topics import referrals_topic
from shared.plumbing.database import Database
from shared.plumbing.sealing import Sealer
from tests.benchmarks.measure import MessagesLost

SLOW = 30.0
"""Seconds that a slow agency takes to answer."""
_WITHIN = 120.0


@dataclass
class TroubledAgency:
    """Answers at once, after 30 s, or not at all; in this process, so that it can be told."""

    port: int
    mode: str = "well"
    _well_again: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def become(self, mode: str) -> None:
        self.mode = mode
        if mode == "dead":
            await self.stop()
        elif self._runner is None:
            self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
            await self._runner.setup()
            await web.TCPSite(self._runner, HOST, self.port, reuse_address=True).start()
        if mode == "well":
            self._well_again.set()
        else:
            self._well_again = asyncio.Event()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        await request.read()
        if self.mode == "slow":
            await asyncio.wait([asyncio.create_task(self._well_again.wait())], timeout=SLOW)
        return web.json_response({"reference": "STUB"}, status=201)


@dataclass(frozen=True)
class Road:
    """Where referrals go in, and where it shows that they arrived."""

    producer: AIOKafkaProducer
    database: Database
    sealer: Sealer

    async def send(self, event: ReferralIssuedV1) -> None:
        """Issue it now."""
        event = event.model_copy(update={"issued_at": datetime.now(UTC)})
        said = CloudEvent(
            id=derive_id("bench event", event.referral_id),
            source="router",
            time=event.issued_at,
            data=event,
        )
        await self.producer.send(
            referrals_topic(event.partner_id).name,
            event.model_dump_json().encode(),
            key=event.subject.encode(),
            headers=[(name, text.encode()) for name, text in to_headers(said).items()],
        )

    async def delivered(self, partner_ids: Sequence[str], events: int) -> None:
        """Wait until all referrals of these agencies are delivered, so many in all."""
        began = time.monotonic()
        while True:
            row = await self.database.fetchrow(
                "SELECT count(*) AS came, count(*) FILTER (WHERE state = 'delivered') AS done "
                "FROM partner_adapters.deliveries WHERE partner_id = ANY($1::text[])",
                list(partner_ids),
            )
            assert row is not None
            if row["done"] == events:
                return
            if time.monotonic() - began > _WITHIN:
                raise MessagesLost(f"{row['came']} came and {row['done']} arrived of {events}")
            await asyncio.sleep(0.2)
