"""The simulated agencies, by their control port: what they were given, how they behave."""

import asyncio
from collections import Counter as Tally
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.end_to_end.counter import LOOK_EVERY, PATIENCE, NeverHappened

CALLING_BACK = ("caf", "engie")
POLLED = ("cpam", "edf", "laposte", "sncf")
"""The last by its answers in our mailbox."""
IN_PORTAL = ("mairie", "accompagnement")
ALL = (*CALLING_BACK, *POLLED, "casvp", *IN_PORTAL)


class Agencies:
    """All simulators of one run."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def ledger(self, partner_id: str) -> list[dict[str, Any]]:
        """Everything an agency was given, oldest first."""
        async with self._http.get(f"{self._url}/ledger/{partner_id}") as response:
            assert response.status == 200, partner_id
            content = await response.json()
        entries: list[dict[str, Any]] = content["entries"]
        return entries

    async def received(
        self, partner_id: str, *, referral_id: str | None = None, what: str = "referral"
    ) -> list[dict[str, Any]]:
        """What an agency was given of one sort, about one referral if it is given."""
        return [
            entry
            for entry in await self.ledger(partner_id)
            if entry["what"] == what and referral_id in (None, entry["referral_id"])
        ]

    async def until_received(
        self, partner_id: str, *, referral_id: str, what: str = "referral"
    ) -> dict[str, Any]:
        """The one entry, once it is there; raises `NeverHappened`."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not (
                    found := await self.received(partner_id, referral_id=referral_id, what=what)
                ):
                    await asyncio.sleep(LOOK_EVERY)
        except TimeoutError:
            raise NeverHappened(f"{partner_id} never got the {what} of {referral_id}") from None
        [entry] = found
        return entry

    async def files_opened(self, partner_id: str) -> Tally[str]:
        """How many files each referral has at an agency: 1, unless something is wrong."""
        return Tally(
            {
                entry["referral_id"]: entry["times"]
                for entry in await self.ledger(partner_id)
                if entry["what"] == "referral"
            }
        )

    async def possible_faults(self) -> dict[str, list[str]]:
        """What each agency can be told to have."""
        async with self._http.get(f"{self._url}/health") as response:
            partners = (await response.json())["partners"]
        return {partner_id: seen["possible_faults"] for partner_id, seen in partners.items()}

    async def break_down(
        self, partner_ids: Iterable[str], fault: str, *, seconds: float | None = None
    ) -> None:
        """Have these agencies fail in one way until `heal`."""
        for partner_id in partner_ids:
            await self._put(f"faults/{partner_id}", {"fault": fault, "seconds": seconds})

    async def heal(self, partner_ids: Iterable[str]) -> None:
        for partner_id in partner_ids:
            await self._put(f"faults/{partner_id}", {"fault": None})

    async def behave(self, partner_ids: Iterable[str], **behaviour: Any) -> None:
        """`pace` (seconds), `outcome`, `statuses`: what is left out stays."""
        for partner_id in partner_ids:
            await self._put(f"behaviour/{partner_id}", behaviour)

    @asynccontextmanager
    async def broken(
        self, partner_ids: Collection[str], fault: str, *, seconds: float | None = None
    ) -> AsyncIterator[None]:
        """Broken inside, healed afterwards."""
        await self.break_down(partner_ids, fault, seconds=seconds)
        try:
            yield
        finally:
            await self.heal(partner_ids)

    @asynccontextmanager
    async def behaving(self, partner_ids: Collection[str], **behaviour: Any) -> AsyncIterator[None]:
        """An outcome of its own inside; everything is resolved again afterwards."""
        await self.behave(partner_ids, **behaviour)
        try:
            yield
        finally:
            await self.behave(partner_ids, outcome="resolved", statuses=True)

    async def _put(self, path: str, content: dict[str, Any]) -> None:
        async with self._http.put(f"{self._url}/{path}", json=content) as response:
            assert response.status == 200, await response.text()
