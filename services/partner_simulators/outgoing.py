"""Statuses on their way out: in order for each referral, tried again until they arrive.

A referral whose status cannot be delivered waits by itself; the others go on.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from services.partner_simulators.office import StatusMessage
from services.partner_simulators.schedule import Schedule

log = structlog.get_logger()

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0


class TryAgain(Exception):
    """It did not arrive; perhaps later. `after` is the other side's own wish, in seconds."""

    def __init__(self, because: str, *, after: float | None = None) -> None:
        super().__init__(because)
        self.because = because
        self.after = after


class GiveUp(Exception):
    """The other side will never take it as it stands."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because


@dataclass(slots=True)
class _Line:
    """What one referral still has to say; its first message is the one being sent."""

    waiting: deque[StatusMessage]
    tries: int = 0


class Outgoing:
    """Sends with `senders` tasks; never more than one message of a referral at a time."""

    def __init__(
        self,
        *,
        partner_id: str,
        send: Callable[[StatusMessage], Awaitable[None]],
        schedule: Schedule,
        senders: int = 20,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._partner_id = partner_id
        self._send = send
        self._schedule = schedule
        self._senders = senders
        self._first_pause = first_pause
        self._lines: dict[str, _Line] = {}
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        self.sent = 0
        self.given_up = 0

    @property
    def waiting(self) -> int:
        """How many referrals still have something to say."""
        return len(self._lines)

    def push(self, message: StatusMessage) -> None:
        """Queue a status behind what this referral still has to say."""
        referral_id = message["referral_id"]
        line = self._lines.get(referral_id)
        if line is None:
            self._lines[referral_id] = _Line(deque([message]))
            self._ready.put_nowait(referral_id)
        else:
            line.waiting.append(message)

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as senders:
            for _ in range(self._senders):
                senders.create_task(self._send_what_is_ready())

    async def _send_what_is_ready(self) -> None:
        while True:
            referral_id = await self._ready.get()
            line = self._lines[referral_id]
            try:
                await self._send(line.waiting[0])
            except TryAgain as failure:
                self._try_later(referral_id, line, failure)
                continue
            except GiveUp as failure:
                self.given_up += 1
                log.warning("status_given_up", because=failure.because, **self._ids(line))
            except Exception as error:  # a surprise must not take the other senders down
                log.exception("status_not_sent", **self._ids(line))
                self._try_later(referral_id, line, TryAgain(type(error).__name__))
                continue
            else:
                self.sent += 1
            self._go_on(referral_id, line)

    def _go_on(self, referral_id: str, line: _Line) -> None:
        line.waiting.popleft()
        line.tries = 0
        if line.waiting:
            self._ready.put_nowait(referral_id)
        else:
            del self._lines[referral_id]

    def _try_later(self, referral_id: str, line: _Line, failure: TryAgain) -> None:
        line.tries += 1
        if line.tries == 1:
            log.info("status_delayed", because=failure.because, **self._ids(line))
        pause = min(self._first_pause * 2 ** min(line.tries - 1, 10), LONGEST_PAUSE)
        if failure.after is not None:
            pause = min(max(pause, failure.after), LONGEST_PAUSE)
        self._schedule.after(pause, lambda: self._ready.put_nowait(referral_id))

    def _ids(self, line: _Line) -> dict[str, str]:
        message = line.waiting[0]
        return {
            "partner_id": self._partner_id,
            "referral_id": message["referral_id"],
            "event_id": message["id"],
        }
