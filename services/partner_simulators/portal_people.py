"""People of an agency without a system of its own, who work our portal's inbox."""

import asyncio
import json
from typing import Any

import structlog

from services.partner_simulators.casework import Stage
from services.partner_simulators.faults import PORTAL_FAULTS, Fault, FaultPanel
from services.partner_simulators.office import File, Office
from services.partner_simulators.outgoing import GiveUp, Outgoing, TryAgain
from services.partner_simulators.portal_clicks import hold_up_if_ordered
from services.partner_simulators.portal_session import PortalSession

log = structlog.get_logger()

PAGE = 100
LONGEST_PAUSE = 5.0

STAGE_OF = {stage.value: stage for stage in Stage} | {
    "issued": Stage.RECEIVED,
    "delivered": Stage.RECEIVED,
}
"""Where the portal says a referral stands; anything else is not ours to work on."""


class PortalSimulator:
    """One `portal` partner: its people read the inbox and click."""

    possible_faults = PORTAL_FAULTS
    address = None

    def __init__(
        self,
        *,
        office: Office,
        session: PortalSession,
        outgoing: Outgoing,
        faults: FaultPanel,
        pause: float = 1.0,
    ) -> None:
        """`pause` is the seconds between two looks at the inbox."""
        self.office = office
        self.outgoing = outgoing
        self._session = session
        self._faults = faults
        self._pause = pause

    async def start(self) -> None:
        """Nothing to open: the portal may come up later than we do."""

    async def run(self) -> None:
        """Work the inbox until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.outgoing.run())
            tasks.create_task(self._watch_inbox())

    async def stop(self) -> None:
        """Nothing to close."""

    async def put_fault(self, fault: Fault | None, *, count: int | None = None) -> None:
        """Stop working, work slowly, or work again."""
        self._faults.set(fault, count=count)

    async def _watch_inbox(self) -> None:
        loop = asyncio.get_running_loop()
        in_trouble = False
        while True:
            started = loop.time()
            try:
                await self.read_inbox_once()
                in_trouble = False
            except (TryAgain, GiveUp) as trouble:
                if not in_trouble:
                    log.info(
                        "inbox_not_read",
                        because=trouble.because,
                        partner_id=self.office.partner_id,
                    )
                in_trouble = True
            # a long inbox is read less often: people must not wear the portal out
            took = loop.time() - started
            await asyncio.sleep(min(max(self._pause, 4 * took), LONGEST_PAUSE))

    async def read_inbox_once(self) -> None:
        """Read every page and take up what is new; raises TryAgain or GiveUp."""
        await hold_up_if_ordered(self._faults)
        query = {"status": "open", "limit": str(PAGE)}
        while True:
            page = await self._session.get(query=query)
            for shown in page["referrals"]:
                self._work_on(shown)
            if not page["cursor"]:
                return
            query["after"] = page["cursor"]

    def _work_on(self, shown: dict[str, Any]) -> None:
        referral_id = shown["referral_id"]
        file = self.office.find_file(referral_id) or self._open(referral_id, shown)
        if file is None:
            return
        if shown["status"] == "withdrawn":
            self.office.withdraw(file, body=_bytes({"status": "withdrawn"}))
            return
        if file.stage is Stage.NEEDS_INFORMATION:
            self._read_answers(file, shown.get("messages", []))
        self.office.keep_moving(file)

    def _open(self, referral_id: str, shown: dict[str, Any]) -> File | None:
        stage = STAGE_OF.get(shown["status"])
        if stage is None:
            return None
        self.office.open_file(referral_id, body=_bytes(shown), stage=stage)
        return self.office.find_file(referral_id)

    def _read_answers(self, file: File, messages: list[dict[str, Any]]) -> None:
        question = self.office.status_of(file)["message"]
        for position, message in enumerate(messages):
            if message.get("written_by") == "agency" or message.get("text") == question:
                continue  # our own question, shown back to us
            answer_id = str(message.get("id") or message.get("answer_id") or position)
            if answer_id not in file.answers:
                self.office.take_answer(file, answer_id=answer_id, body=_bytes(message))


def _bytes(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()
