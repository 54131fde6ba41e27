"""Where our calls may go: a name is resolved, and its addresses checked, before connecting.

Without this, a partner's name pointed at 127.0.0.1 or 169.254.169.254 would turn our own
service against the machines around it. Whoever connects does so to the address that was
checked, so that a second answer of the name's server changes nothing.
"""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass

from aiohttp.abc import AbstractResolver, ResolveResult

from services.partner_adapters.partner_adapter import PartnerNeedsAttention, PartnerUnavailable


@dataclass(frozen=True)
class Reach:
    """Which addresses beside the public ones a partner may be at."""

    loopback: bool = False
    """This machine's own: simulators and tests only."""
    private: bool = False
    """Private ranges: an agency behind a closed network, as its file says."""

    def permits(self, address: str) -> bool:
        """Whether we may connect to this IP address."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        if ip.is_loopback:
            return self.loopback
        if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
            return False
        return ip.is_global or (self.private and ip.is_private)


async def find_addresses(host: str, port: int, *, reach: Reach) -> list[ResolveResult]:
    """The addresses of a host we may connect to, as aiohttp wants them; never empty.

    Raises `PartnerUnavailable` when the name cannot be resolved now, `PartnerNeedsAttention`
    when it points to where no partner may be.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PartnerUnavailable("name_not_resolved") from error
    permitted = [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=port,
            family=family,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for family, _, protocol, _, address in found
        if reach.permits(str(address[0]))
    ]
    if not permitted:
        raise PartnerNeedsAttention("address_not_permitted")
    return permitted


class PermittedResolver(AbstractResolver):
    """aiohttp's names, resolved with `find_addresses`."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - the base's
    ) -> list[ResolveResult]:
        return await find_addresses(host, port, reach=self._reach)

    async def close(self) -> None:
        """Nothing is kept open."""
