"""A whole agency that is reached by SFTP: its server, and its people who look at the files."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from services.partner_simulators.faults import SFTP_FAULTS, Fault, FaultPanel
from services.partner_simulators.office import Office
from services.partner_simulators.sftp_desk import SftpDesk
from services.partner_simulators.sftp_door import SftpDoor

LOOK_EVERY = 0.2


class SftpSimulator:
    """One `sftp` partner, as the control port sees it."""

    possible_faults = SFTP_FAULTS
    outgoing = None

    def __init__(
        self,
        *,
        office: Office,
        desk: SftpDesk,
        door: SftpDoor,
        faults: FaultPanel,
        folder: "TemporaryDirectory[str]",
    ) -> None:
        """`folder` is removed with all its files at the end."""
        self.office = office
        self._desk = desk
        self._door = door
        self._faults = faults
        self._folder = folder
        self._turn = asyncio.Lock()

    @property
    def address(self) -> str | None:
        return self._door.address

    @property
    def root(self) -> Path:
        """Where the agency's files are."""
        return Path(self._folder.name)

    async def start(self) -> None:
        """Open the door. Raises OSError when the port is taken."""
        self._desk.furnish()
        await self._door.open()

    async def run(self) -> None:
        """Look at the files until cancelled."""
        while True:
            self._desk.work(self.office)
            await asyncio.sleep(LOOK_EVERY)

    async def stop(self) -> None:
        """Close the door and throw the files away."""
        await self._door.close()
        self._folder.cleanup()

    async def put_fault(self, fault: Fault | None, *, count: int | None = None) -> None:
        """Break or heal; returns once the door is really closed, or open as it should be."""
        async with self._turn:
            self._faults.set(fault, count=count)
            await self._door.close()
            kind = fault.kind if fault is not None else None
            if kind != "down":
                await self._door.open(as_somebody_else=kind == "wrong_host_key")
