"""How the agency that is reached by SFTP is put together."""

from pathlib import Path
from tempfile import TemporaryDirectory

import asyncssh

from services.partner_simulators.agencies import (
    SFTP_AGENCY,
    SFTP_AGENCY_FIELDS,
    SFTP_AGENCY_PORT,
    SFTP_AGENCY_USER,
)
from services.partner_simulators.faults import FaultPanel
from services.partner_simulators.sftp_desk import SftpDesk
from services.partner_simulators.sftp_door import SftpDoor
from services.partner_simulators.sftp_simulator import SftpSimulator
from services.partner_simulators.workplace import Workplace


def sftp_agency(place: Workplace) -> SftpSimulator:
    """The agency's server with a folder of its own; it knows our public key only."""
    partner_id, faults = SFTP_AGENCY, FaultPanel()
    folder = TemporaryDirectory(prefix=f"aiguillage-{partner_id}-")
    root = Path(folder.name)
    desk = SftpDesk(root=root, visitor_fields=SFTP_AGENCY_FIELDS, faults=faults, clock=place.clock)
    office = place.office(
        partner_id,
        announce=desk.announce,
        faults=faults,
        recognises_repetitions=False,  # what is in two batches is filed twice
    )
    ours = asyncssh.import_private_key(place.secret(f"secret_{partner_id}_private_key"))
    theirs = asyncssh.import_private_key(place.secret(f"simulator_{partner_id}_private_key"))
    door = SftpDoor(
        host=place.settings.simulator_host,
        port=place.settings.port_of(SFTP_AGENCY_PORT),
        root=root,
        username=SFTP_AGENCY_USER,
        client_key=ours.convert_to_public(),
        host_key=theirs,
        faults=faults,
    )
    return SftpSimulator(office=office, desk=desk, door=door, faults=faults, folder=folder)
