"""A partner's file joined with what its environment says: where it is, and its secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.partner_adapters.callback_signature import read_keys
from services.partner_adapters.partner_address import check_address, check_host
from services.partner_adapters.partner_file import ByCallback, ByPolling, PartnerFile, PublicKey
from services.partner_adapters.partner_network import Reach

ADDRESS = "AIGUILLAGE_PARTNER_ADDRESS_"
STATUS_ADDRESS = "AIGUILLAGE_PARTNER_STATUS_ADDRESS_"
SECRET = "AIGUILLAGE_SECRET_"


class PartnerNotConfigured(Exception):
    """A partner cannot be served; the text names the variable to set, never a value."""


@dataclass(frozen=True)
class ConnectedPartner:
    """One partner with its address and its secrets by name."""

    file: PartnerFile
    address: str | None
    status_address: str | None
    """Where to ask for statuses, when that is elsewhere."""
    secrets: Mapping[str, str] = field(repr=False)
    reach: Reach
    """Where we may connect to."""

    def secret(self, name: str) -> str:
        return self.secrets[name]

    def need_address(self) -> str:
        """The address; raises `PartnerNotConfigured` when there is none."""
        if self.address is None:
            raise PartnerNotConfigured(
                f"{self.file.id}: {ADDRESS}{self.file.id.upper()} must be set"
            )
        return self.address

    def public_key(self) -> str:
        """The agency's public key, a JWK; raises `PartnerNotConfigured`."""
        if not isinstance(self.file.credentials, PublicKey):
            raise PartnerNotConfigured(f"{self.file.id}: its file must name a public_key")
        return self.secret(self.file.credentials.public_key)


def connect_partners(
    files: Mapping[str, PartnerFile], environment: Mapping[str, str], *, on_loopback: bool = False
) -> dict[str, ConnectedPartner]:
    """Join files and environment; raises `PartnerNotConfigured` with every fault, one a line.

    `on_loopback`: partners may be on this very machine, as simulators are.
    """
    faults: list[str] = []
    partners: dict[str, ConnectedPartner] = {}
    for partner_id, file in files.items():
        way = file.status_return
        reach = Reach(loopback=on_loopback, private=file.private_network)
        addresses = {
            ADDRESS: file.address,
            STATUS_ADDRESS: way.address if isinstance(way, ByPolling) else None,
        }
        for prefix, written in addresses.items():
            variable = f"{prefix}{partner_id.upper()}"
            addresses[prefix] = environment.get(variable) or written
            faults += _address_faults(addresses[prefix], f"{partner_id}: {variable}", reach=reach)
        values = {name: environment.get(f"{SECRET}{name}", "") for name in file.secrets()}
        faults += [
            f"{partner_id}: {SECRET}{name} must be set"
            for name, value in values.items()
            if not value
        ]
        if isinstance(way, ByCallback) and values[way.secret]:
            try:
                read_keys(values[way.secret])
            except ValueError as error:
                faults.append(f"{partner_id}: {SECRET}{way.secret}: {error}")
        partners[partner_id] = ConnectedPartner(
            file=file,
            address=addresses[ADDRESS],
            status_address=addresses[STATUS_ADDRESS],
            secrets=values,
            reach=reach,
        )
    if faults:
        raise PartnerNotConfigured("\n".join(faults))
    return partners


def _address_faults(address: str | None, where: str, *, reach: Reach) -> list[str]:
    if address is None:
        return []
    try:
        check_address(address)
        check_host(address, permits=reach.permits)
    except ValueError as error:
        return [f"{where}: {error}"]
    return []
