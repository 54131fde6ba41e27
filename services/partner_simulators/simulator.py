"""What every simulated partner offers to the process and to the control port."""

from typing import Protocol

from services.partner_simulators.faults import Fault
from services.partner_simulators.office import Office
from services.partner_simulators.outgoing import Outgoing


class Simulator(Protocol):
    """One partner, however it is talked to."""

    @property
    def possible_faults(self) -> frozenset[str]: ...

    @property
    def office(self) -> Office: ...

    @property
    def outgoing(self) -> Outgoing | None:
        """The statuses on their way out; None where we come and ask for them."""

    @property
    def address(self) -> str | None:
        """Where it listens; None when it listens nowhere."""

    async def start(self) -> None:
        """Be ready to work, or raise: a taken port shows at start-up."""

    async def run(self) -> None:
        """Work until cancelled."""

    async def stop(self) -> None:
        """Close what `start` opened and what `run` used."""

    async def put_fault(self, fault: Fault | None, *, count: int | None = None) -> None:
        """Break in one of `possible_faults`, or heal; returns once it is so."""
