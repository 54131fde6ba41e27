"""What the stub agency counted."""

from dataclasses import dataclass

import aiohttp


@dataclass(frozen=True)
class Count:
    held: int
    """Referrals that came."""
    doubled: int
    """Those that came again."""


async def count_of(stub_url: str) -> Count:
    async with aiohttp.ClientSession() as http, http.get(f"{stub_url}/count") as answer:
        return Count(**await answer.json())
