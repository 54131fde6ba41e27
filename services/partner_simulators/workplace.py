"""What every simulated agency is put together from."""

from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from services.partner_simulators.callbacks import CallbackSender
from services.partner_simulators.disorder import Disorder
from services.partner_simulators.faults import FaultPanel
from services.partner_simulators.office import Behaviour, Clock, Office, StatusMessage
from services.partner_simulators.outgoing import Outgoing
from services.partner_simulators.schedule import Schedule
from services.partner_simulators.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """The process's settings and tools, and the parts that several agencies have alike."""

    settings: Settings
    schedule: Schedule
    http: aiohttp.ClientSession
    clock: Clock

    def secret(self, name: str) -> str:
        """The secret of that name, known to be there."""
        return self.settings.secret(name)

    def office(
        self,
        partner_id: str,
        *,
        announce: Callable[[StatusMessage], None],
        faults: FaultPanel,
        recognises_repetitions: bool = True,
    ) -> Office:
        """An agency's people, who say every status through `announce`, or as `faults` orders."""
        return Office(
            partner_id=partner_id,
            behaviour=Behaviour(self.settings.simulator_pace, self.settings.simulator_outcome),
            schedule=self.schedule,
            clock=self.clock,
            announce=Disorder(announce, faults=faults, schedule=self.schedule).tell,
            recognises_repetitions=recognises_repetitions,
        )

    def calling_back(self, partner_id: str) -> Outgoing:
        """Statuses told by signed callbacks at our door."""
        callbacks = CallbackSender(
            address=f"{self.settings.simulator_callback_url}/partners/{partner_id}/status",
            secret=self.secret(f"secret_{partner_id}_callback_secret"),
            session=self.http,
            clock=self.clock,
        )
        return Outgoing(partner_id=partner_id, send=callbacks.send, schedule=self.schedule)
