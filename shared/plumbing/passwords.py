"""Passwords of people: argon2id, computed beside the event loop.

19 MiB, 2 passes, 1 lane: the OWASP password storage cheat sheet's first choice of parameters;
the library's own default (64 MiB) would not fit a service of 120 MB.
"""

import asyncio
import ctypes
import sys

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_AT_ONCE = 2
_M_MMAP_THRESHOLD = -3
_LARGE = 4 * 1024 * 1024


class Passwords:
    """Hashes and verifies passwords, two at a time so that memory stays bounded."""

    def __init__(self) -> None:
        _give_large_blocks_back()
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The text to store, parameters and salt included."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether it is the password; `stored` is None for an account that does not exist.

        An unknown account costs as much time as a wrong password, so that it cannot be told.
        """
        if stored is None:
            self._nobody = self._nobody or await self.hash("nobody")
        async with self._turn:
            right = await asyncio.to_thread(self._matches, stored or self._nobody or "", password)
        return right and stored is not None

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def _give_large_blocks_back() -> None:
    """Have glibc return a hash's 19 MiB to the system instead of keeping it for the next.

    By default its threshold for that grows with the first large block that is freed.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is not None and hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)
