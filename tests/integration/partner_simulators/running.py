"""Simulated agencies run in this process on free loopback ports, and a client for them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from services.partner_simulators.control_api import ControlApi
from services.partner_simulators.schedule import Schedule
from services.partner_simulators.settings import Settings
from services.partner_simulators.simulator import Simulator
from services.partner_simulators.wiring import build_simulators

WEBHOOK_SECRET = "whsec_c2VjcmV0LW9mLXRoZS10ZXN0cy0wMTIzNDU2Nzg5"
KEY = "key-of-the-tests"


@dataclass
class Callbacks:
    """What the receiver got, and what it answers next (204 when nothing is ordered)."""

    received: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        body = await request.text()
        status = self.answers.pop(0) if self.answers else 204
        self.received.append(
            {
                "path": request.path,
                "headers": dict(request.headers),
                "text": body,
                "message": json.loads(body),
                "answered": status,
            }
        )
        return web.Response(status=status)

    def words(self, referral_id: str) -> list[str]:
        return [
            call["message"]["status"]
            for call in self.received
            if call["message"]["referral_id"] == referral_id and call["answered"] == 204
        ]


@dataclass
class MovableClock:
    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Agencies:
    """Running simulators and the client of the tests."""

    simulators: dict[str, Simulator]
    control: str
    http: aiohttp.ClientSession
    clock: MovableClock

    def address(self, partner_id: str) -> str:
        return str(self.simulators[partner_id].address)

    async def order(self, what: str, partner_id: str, **order: Any) -> int:
        async with self.http.put(f"{self.control}/{what}/{partner_id}", json=order) as response:
            return response.status

    async def ledger(self, partner_id: str) -> dict[str, Any]:
        async with self.http.get(f"{self.control}/ledger/{partner_id}") as response:
            return await response.json()

    async def hand_in(
        self, partner_id: str, form: dict[str, Any], **headers: str
    ) -> tuple[int, Any]:
        return await self.post(
            partner_id, "/referrals", form, **{"Idempotency-Key": form["referral_id"], **headers}
        )

    async def tell(self, partner_id: str, message: Any, **headers: str) -> tuple[int, Any]:
        """Post a signed message, as Standard Webhooks; `headers` replace ours."""
        text, message_id, now = json.dumps(message), str(uuid4()), self.clock()
        signed = {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(WEBHOOK_SECRET).sign(message_id, now, text),
            **headers,
        }
        async with self.http.post(
            self.address(partner_id), data=text, headers=signed, allow_redirects=False
        ) as response:
            return response.status, await response.json()

    async def post(
        self, partner_id: str, path: str, content: Any, **headers: str
    ) -> tuple[int, Any]:
        async with self.http.post(
            self.address(partner_id) + path,
            json=content,
            headers={"X-Api-Key": KEY, **headers},
            allow_redirects=False,
        ) as response:
            return response.status, await response.json()

    async def get(self, partner_id: str, path: str, **headers: str) -> tuple[int, Any]:
        async with self.http.get(
            self.address(partner_id) + path, headers={"X-Api-Key": KEY, **headers}
        ) as response:
            return response.status, await response.json()


async def eventually(happened: Callable[[], Any]) -> Any:
    """Wait until `happened` says something true; fails after a long while."""
    async with asyncio.timeout(30):
        while not (seen := happened()):
            await asyncio.sleep(0.01)
    return seen


@asynccontextmanager
async def simulated(settings: Settings) -> AsyncIterator[Agencies]:
    """Run the partners of `settings` the way the process does, on free ports."""
    clock = MovableClock()
    schedule = Schedule()
    async with aiohttp.ClientSession() as http, aiohttp.ClientSession() as theirs:
        simulators = build_simulators(settings, schedule=schedule, http=theirs, clock=clock)
        control = ControlApi(simulators=simulators, host="127.0.0.1", port=0)
        await control.start()
        for simulator in simulators.values():
            await simulator.start()
        running = [asyncio.ensure_future(schedule.run())]
        running += [asyncio.ensure_future(simulator.run()) for simulator in simulators.values()]
        try:
            yield Agencies(simulators, control.address, http, clock)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            for simulator in simulators.values():
                await simulator.stop()
            await control.stop()
