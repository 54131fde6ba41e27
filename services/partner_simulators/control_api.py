"""The control port: health, ledgers, faults, behaviour. Loopback only, no sign-in.

GET    /health
GET    /ledger/{partner}?bodies=no        DELETE /ledger/{partner}
PUT    /faults/{partner}                  {"fault": null | "…", "seconds", "count"}
PUT    /behaviour/{partner}               {"pace", "outcome", "statuses"}, each optional
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from services.partner_simulators.casework import OUTCOMES
from services.partner_simulators.door import Door, answered
from services.partner_simulators.faults import NOT_COUNTED, Fault
from services.partner_simulators.office import Behaviour
from services.partner_simulators.simulator import Simulator


class FaultOrder(BaseModel):
    """Break in one way, until healed or for the next `count` things handed in."""

    model_config = ConfigDict(extra="forbid")

    fault: str | None
    """One of what its simulator can have; see `faults.py`."""
    seconds: float | None = Field(default=None, ge=0)
    count: int | None = Field(default=None, ge=1)


class BehaviourOrder(BaseModel):
    """What changes in how an agency works; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    pace: float | None = Field(default=None, ge=0)
    outcome: str | None = None
    statuses: bool | None = None

    @field_validator("outcome")
    @classmethod
    def _is_known(cls, outcome: str | None) -> str | None:
        if outcome is not None and outcome != "mixed" and outcome not in OUTCOMES:
            raise ValueError(f"mixed or one of: {', '.join(OUTCOMES)}")
        return outcome


class ControlApi:
    """Answers the control port's requests."""

    def __init__(self, *, simulators: Mapping[str, Simulator], host: str, port: int) -> None:
        self._simulators = simulators
        self._door = Door(host=host, port=port, answer=self._answer)
        self._heal: dict[str, asyncio.TimerHandle] = {}
        self._healing: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return self._door.address

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        await self._door.open()

    async def stop(self) -> None:
        """Stop listening and forget what was to heal by itself."""
        for timer in self._heal.values():
            timer.cancel()
        await self._door.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        match [request.method, *request.path.strip("/").split("/")]:
            case ["GET", "health"]:
                return answered(200, self._health())
            case [method, ("ledger" | "faults" | "behaviour") as what, partner_id]:
                simulator = self._simulators.get(partner_id)
                if simulator is None:
                    return answered(404, {"error": "no such partner here"})
                return await self._about(request, method, what, partner_id, simulator)
            case _:
                return answered(404, {"error": "no such address"})

    async def _about(
        self,
        request: web.BaseRequest,
        method: str,
        what: str,
        partner_id: str,
        simulator: Simulator,
    ) -> web.StreamResponse:
        try:
            match method, what:
                case "GET", "ledger":
                    return await _ledger(request, simulator)
                case "DELETE", "ledger":
                    simulator.office.ledger.clear()
                    return web.Response(status=204)
                case "PUT", "faults":
                    order = FaultOrder.model_validate_json(await request.read())
                    return await self._break(partner_id, simulator, order)
                case "PUT", "behaviour":
                    wanted = BehaviourOrder.model_validate_json(await request.read())
                    return answered(200, _behave(simulator, wanted))
                case _:
                    return answered(405, {"error": "not that way"})
        except ValidationError as error:
            return answered(422, {"errors": error.errors(include_context=False, include_url=False)})

    async def _break(
        self, partner_id: str, simulator: Simulator, order: FaultOrder
    ) -> web.Response:
        possible = simulator.possible_faults
        if order.fault is not None and order.fault not in possible:
            return answered(
                422, {"error": f"{partner_id} can only be: {', '.join(sorted(possible))}"}
            )
        if order.fault in NOT_COUNTED and order.count is not None:
            return answered(422, {"error": f"{order.fault} is met by nothing that is handed in"})
        if timer := self._heal.pop(partner_id, None):
            timer.cancel()
        fault = Fault(order.fault, order.seconds) if order.fault is not None else None
        await simulator.put_fault(fault, count=order.count)
        if order.fault == "down" and order.seconds is not None:
            loop = asyncio.get_running_loop()
            self._heal[partner_id] = loop.call_later(order.seconds, self._heal_now, simulator)
        return answered(200, order.model_dump())

    def _heal_now(self, simulator: Simulator) -> None:
        task = asyncio.get_running_loop().create_task(simulator.put_fault(None))
        self._healing.add(task)
        task.add_done_callback(self._healing.discard)

    def _health(self) -> dict[str, Any]:
        return {
            "status": "ok",
            "partners": {
                partner_id: {
                    "address": simulator.address,
                    "possible_faults": sorted(simulator.possible_faults),
                    "files": simulator.office.files,
                    "statuses_waiting": outgoing.waiting if outgoing else 0,
                    "statuses_sent": outgoing.sent if outgoing else 0,
                    "statuses_given_up": outgoing.given_up if outgoing else 0,
                }
                for partner_id, simulator in self._simulators.items()
                for outgoing in [simulator.outgoing]
            },
        }


def _behave(simulator: Simulator, order: BehaviourOrder) -> dict[str, object]:
    office = simulator.office
    changed: Behaviour = replace(office.behaviour, **order.model_dump(exclude_none=True))
    office.change_behaviour(changed)
    return {"pace": changed.pace, "outcome": changed.outcome, "statuses": changed.statuses}


async def _ledger(request: web.BaseRequest, simulator: Simulator) -> web.StreamResponse:
    """Streamed entry by entry: a ledger may be long."""
    ledger = simulator.office.ledger
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"entries":[')
    separator = b""
    for entry in ledger.entries(bodies=request.query.get("bodies") != "no"):
        await response.write(separator + json.dumps(entry, ensure_ascii=False).encode())
        separator = b",\n"
    await response.write(b'],"duplicates":%d}' % ledger.duplicates)
    await response.write_eof()
    return response
