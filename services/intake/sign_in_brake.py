"""Guessing passwords is slow: only so many wrong ones in ten minutes, per account and per address.

In memory, of this process: with several replicas each lets that many through. What counts is an
attempt begun, so that a thousand at once are not a thousand guesses; a right password takes its
own back and clears its account. Loopback is counted by account alone, because a proxy on this
machine that does not say for whom it asks would lock everybody out at once.
"""

import math
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from shared.plumbing.access import is_loopback
from shared.plumbing.clock import Clock
from shared.plumbing.problem_details import Problem

WINDOW = timedelta(minutes=10)
MOST_PER_ACCOUNT = 10
MOST_PER_ADDRESS = 100
"""A whole house may sign in from one address."""
_KEYS_KEPT = 20_000
_NETWORK_OF_ONE_CLIENT = 64
"""Bits of an IPv6 address: one subscriber has all the addresses below them (RFC 6177)."""


class SignInBrake:
    """Counts attempts to sign in that were not proved right."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._begun: OrderedDict[tuple[str, str], deque[datetime]] = OrderedDict()

    def begin(self, *, account: str, address: str | None) -> None:
        """Count an attempt; raises `Problem` 429, with the seconds to wait, without counting it."""
        now, keys = self._clock.now(), _keys(account, address)
        waits = [self._wait(key, most, now=now) for key, most in keys.items()]
        if wait := max(waits):
            raise Problem(
                429,
                "Trop d’essais ; patientez quelques minutes.",
                code="too-many-sign-ins",
                headers={"Retry-After": str(math.ceil(wait.total_seconds()))},
            )
        for key in keys:
            self._begun.setdefault(key, deque()).append(now)
            self._begun.move_to_end(key)
        while len(self._begun) > _KEYS_KEPT:
            self._begun.popitem(last=False)

    def forgive(self, *, account: str, address: str | None) -> None:
        """The password was right: forget the account's attempts, and this one of the address."""
        for key in _keys(account, address):
            begun = self._begun.get(key, deque())
            if begun:
                begun.pop()
            if key[0] == "account" or not begun:
                self._begun.pop(key, None)

    def _wait(self, key: tuple[str, str], most: int, *, now: datetime) -> timedelta:
        begun = self._begun.get(key, deque())
        while begun and begun[0] <= now - WINDOW:
            begun.popleft()
        return begun[0] + WINDOW - now if len(begun) >= most else timedelta(0)


def _keys(account: str, address: str | None) -> dict[tuple[str, str], int]:
    """What an attempt counts for, and how many are let through there."""
    keys = {("account", account): MOST_PER_ACCOUNT}
    if address is not None and not is_loopback(address):
        keys["address", _client_of(address)] = MOST_PER_ADDRESS
    return keys


def _client_of(address: str) -> str:
    try:
        read = ip_address(address)
    except ValueError:
        return address
    if not isinstance(read, IPv6Address):
        return address
    return str(read.ipv4_mapped or int(read) >> (128 - _NETWORK_OF_ONE_CLIENT))
