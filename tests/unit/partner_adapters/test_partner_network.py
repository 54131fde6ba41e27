"""Where our calls may go."""

import socket

import pytest

from services.partner_adapters.partner_adapter import PartnerNeedsAttention, PartnerUnavailable
from services.partner_adapters.partner_credentials import NoAuthorization
from services.partner_adapters.partner_http import PartnerHttp
from services.partner_adapters.partner_network import Reach, find_addresses

PUBLIC = Reach()


@pytest.mark.parametrize("address", ["9.9.9.9", "2001:4860:4860::8888"])
def test_public_addresses_are_permitted(address):
    assert PUBLIC.permits(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "172.16.5.5", "192.168.1.1", "100.64.0.1",
        "169.254.169.254", "fe80::1%eth0", "fc00::1", "0.0.0.0", "::", "224.0.0.1",
        "::ffff:10.0.0.1", "::ffff:127.0.0.1",
    ],
)  # fmt: skip
def test_this_machine_and_private_ranges_are_not(address):
    assert not PUBLIC.permits(address)


def test_a_closed_network_is_permitted_when_the_file_says_so_but_never_link_local():
    closed = Reach(private=True)
    assert closed.permits("10.0.0.1")
    assert not closed.permits("169.254.169.254")
    assert not closed.permits("127.0.0.1")


async def test_a_name_that_points_to_this_machine_needs_attention():
    with pytest.raises(PartnerNeedsAttention, match="address_not_permitted"):
        await find_addresses("localhost", 443, reach=PUBLIC)
    found = await find_addresses("localhost", 443, reach=Reach(loopback=True))
    assert {each["host"] for each in found} <= {"127.0.0.1", "::1"}


async def test_a_name_that_is_not_known_is_for_later():
    with pytest.raises(PartnerUnavailable, match="name_not_resolved"):
        await find_addresses("nobody.invalid", 443, reach=PUBLIC)


async def test_nothing_connects_where_no_partner_may_be():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        http = PartnerHttp(
            address=f"http://localhost:{port}",
            authorization=NoAuthorization(),
            concurrency=1,
            timeout=5,
            reach=PUBLIC,
        )
        with pytest.raises(PartnerNeedsAttention, match="address_not_permitted"):
            await http.call("GET", "/")
        await http.close()
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()
