"""What the file of an `email` partner says beside what every file says."""

from email.utils import parseaddr
from typing import Annotated

from pydantic import AfterValidator

from services.partner_adapters.partner_file import OptionalSecretName, SecretName, Table


def _plain_address(address: str) -> str:
    local, _, domain = address.partition("@")
    printable = address.isascii() and address.isprintable() and " " not in address
    if parseaddr(address)[1] != address or not (printable and local and domain) or "+" in local:
        raise ValueError("a plain mail address is wanted: name@domain, without a +")
    return address.lower()


PlainAddress = Annotated[str, AfterValidator(_plain_address)]


class EmailSettings(Table):
    """`[settings]` of an `email` partner."""

    sender: PlainAddress
    """Our own address there; its mailbox also gets what is written to `sender+anything@…`."""
    recipient: PlainAddress
    """The agency's people."""
    reply_key: SecretName
    """What the addresses that answers come back to are made with; 32 characters at least."""
    certificate_authority: OptionalSecretName = None
    """PEM; the only authority trusted for both servers. Left out: those of this machine."""
