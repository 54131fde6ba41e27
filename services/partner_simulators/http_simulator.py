"""A whole agency with an HTTP API: its door, its people, and how its statuses go out."""

from services.partner_simulators.door import Answer, Door
from services.partner_simulators.faults import DOOR_FAULTS, Fault, FaultPanel
from services.partner_simulators.office import Office
from services.partner_simulators.outgoing import Outgoing


class HttpSimulator:
    """One partner with an HTTP door, as the control port sees it."""

    def __init__(
        self,
        *,
        office: Office,
        answer: Answer,
        faults: FaultPanel,
        outgoing: Outgoing | None,
        host: str,
        port: int,
        possible_faults: frozenset[str] = DOOR_FAULTS,
    ) -> None:
        """`outgoing` is None where the agency is polled."""
        self.possible_faults = possible_faults
        self.office = office
        self.outgoing = outgoing
        self._faults = faults
        self._door = Door(host=host, port=port, answer=answer)

    @property
    def address(self) -> str | None:
        return self._door.address

    async def start(self) -> None:
        """Open the door. Raises OSError when the port is taken."""
        await self._door.open()

    async def run(self) -> None:
        """Send statuses until cancelled; a polled agency has nothing to do by itself."""
        if self.outgoing is not None:
            await self.outgoing.run()

    async def stop(self) -> None:
        """Close the door."""
        await self._door.close()

    async def put_fault(self, fault: Fault | None, *, count: int | None = None) -> None:
        """Break or heal; returns once the door is really closed or open."""
        self._faults.set(fault, count=count)
        if fault is not None and fault.kind == "down":
            await self._door.close()
        else:
            await self._door.open()
