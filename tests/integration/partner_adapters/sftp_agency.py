"""La Poste's simulated SFTP server with its people held still, and the adapter that talks to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from services.commands.demonstration_secrets import _new_ssh_key
from services.partner_adapters.adapters.sftp import SftpAdapter
from services.partner_adapters.partner_adapter import Delivery
from services.partner_adapters.partner_network import Reach
from services.partner_adapters.sftp.batch_file import name_of
from services.partner_adapters.sftp.connection import PartnerSftp
from services.partner_adapters.sftp.folders import Folders
from services.partner_simulators.faults import Fault
from services.partner_simulators.schedule import Schedule
from services.partner_simulators.settings import Settings
from services.partner_simulators.sftp_files import manifest_of
from services.partner_simulators.sftp_simulator import SftpSimulator
from services.partner_simulators.sftp_wiring import sftp_agency
from services.partner_simulators.workplace import Workplace
from shared.plumbing.clock import Clock, SystemClock
from tests.integration.partner_simulators.running import MovableClock

OUR_KEY, _ = _new_ssh_key()
THEIR_KEY, THEIR_PUBLIC_KEY = _new_ssh_key()


def simulator_of(schedule: Schedule | None = None, *, pace: float = 0.01) -> SftpSimulator:
    settings = Settings(
        simulator_partners=("laposte",),
        simulator_base_port=0,
        simulator_pace=pace,
        simulator_outcome="resolved",
        simulator_laposte_private_key=THEIR_KEY,
        secret_laposte_private_key=OUR_KEY,
    )
    return sftp_agency(
        Workplace(
            settings=settings,
            schedule=schedule or Schedule(),
            http=None,  # it calls nobody
            clock=MovableClock(),
        )
    )


def adapter_to(
    address: str, *, timeout: float = 5, clock: Clock | None = None, **changed: Any
) -> SftpAdapter:
    credentials = {"username": "aiguillage", "private_key": OUR_KEY, "host_keys": THEIR_PUBLIC_KEY}
    sftp = PartnerSftp(
        address=address,
        timeout=timeout,
        reach=Reach(loopback=True),
        **{**credentials, **changed},
    )
    return SftpAdapter(sftp=sftp, folders=Folders(), clock=clock or SystemClock())


def referral(batch_id: UUID, **body: Any) -> Delivery:
    referral_id = uuid4()
    form = {
        "referral_id": str(referral_id),
        "case_reference": "K7M4-QX9T",
        "unit": None,
        "urgent": False,
        "channel": "kiosk",
        "language": "fr",
        "taken_at": "2026-11-23T10:00:00Z",
        "issued_at": "2026-11-23T10:00:02Z",
        "demarches": [{"id": "laposte.colis", "title": "Colis perdu"}],
        "text": "Mon colis n’est jamais arrivé.",
        "visitor": {"given_name": "Awa", "phone": "+33 6 00 00 00 00"},
        **body,
    }
    return Delivery(
        delivery_id=uuid4(),
        case_id=uuid4(),
        referral_id=referral_id,
        what="referral",
        body=form,
        batch_id=batch_id,
    )


@dataclass
class Agency:
    """The server runs; its people work only when told to."""

    simulator: SftpSimulator
    adapter: SftpAdapter
    batch_id: UUID = field(default_factory=uuid4)

    @property
    def address(self) -> str:
        return str(self.simulator.address)

    def folder(self, name: str) -> Path:
        return self.simulator.root / name

    def names(self, folder: str) -> list[str]:
        return sorted(each.name for each in self.folder(folder).iterdir() if each.is_file())

    def batch_names(self) -> list[str]:
        name = name_of(self.batch_id)
        return [name, f"{name}.sha256"]

    def work(self) -> None:
        self.simulator._desk.work(self.simulator.office)

    def returns(self, name: str, content: bytes, *, manifest: bytes | None = None) -> None:
        """A file as somebody at the agency might write it."""
        self.folder(f"retour/{name}").write_bytes(content)
        agreed = manifest_of(name, content) if manifest is None else manifest
        self.folder(f"retour/{name}.sha256").write_bytes(agreed)

    async def meets(self, fault: str | None, *, seconds: float | None = None) -> None:
        await self.simulator.put_fault(None if fault is None else Fault(fault, seconds))


@asynccontextmanager
async def running_agency(*, pace: float = 0.01) -> AsyncIterator[Agency]:
    simulator = simulator_of(pace=pace)
    await simulator.start()
    try:
        yield Agency(simulator, adapter_to(str(simulator.address)))
    finally:
        await simulator.stop()
