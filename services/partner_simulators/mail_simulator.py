"""A whole agency that is reached by mail: a server to write to, a mailbox to read, its people."""

import asyncio

from services.partner_simulators.faults import MAIL_FAULTS, Fault, FaultPanel
from services.partner_simulators.mail_post import Post
from services.partner_simulators.mailbox import Mailbox
from services.partner_simulators.office import Office
from services.partner_simulators.outgoing import Outgoing


class MailSimulator:
    """One `email` partner, as the control port sees it."""

    possible_faults = MAIL_FAULTS

    def __init__(
        self,
        *,
        office: Office,
        outgoing: Outgoing,
        post: Post,
        mailbox: Mailbox,
        faults: FaultPanel,
    ) -> None:
        self.office = office
        self.outgoing = outgoing
        self._post = post
        self._mailbox = mailbox
        self._faults = faults
        self._turn = asyncio.Lock()

    @property
    def address(self) -> str | None:
        return f"smtp://{self._post.host}:{self._post.port}"

    @property
    def mailbox_address(self) -> str:
        """Where the answers are read."""
        return f"imap://{self._mailbox.host}:{self._mailbox.port}"

    async def start(self) -> None:
        """Open both servers. Raises OSError when a port is taken."""
        await self._post.open()
        await self._mailbox.open()

    async def run(self) -> None:
        """Answer mails until cancelled."""
        await self.outgoing.run()

    async def stop(self) -> None:
        """Close both servers."""
        await self._post.close()
        await self._mailbox.close()

    async def put_fault(self, fault: Fault | None, *, count: int | None = None) -> None:
        """Break or heal; returns once both servers are really closed or open."""
        async with self._turn:
            self._faults.set(fault, count=count)
            if fault is not None and fault.kind == "down":
                await self.stop()
            else:
                await self.start()
