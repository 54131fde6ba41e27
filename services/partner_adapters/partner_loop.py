"""One loop per partner: claim (commit) → call → record (commit). None waits for another's.

Claimed are only as many rows as can be called at once, so that `sending` means just that;
as many again may be waiting for their commit, so that memory is bounded. The breaker lives
here: one process serves a partner at a time.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge, Histogram

from services.partner_adapters.breaker import (
    Breaker,
    BreakerState,
    about_to_call,
    after_failure,
    after_success,
    calls_allowed,
    held_until,
    opened_at_once,
)
from services.partner_adapters.deliver_referral import CANNOT_BE_OPENED, deliver_referral
from services.partner_adapters.delivery_store import (
    ClaimedDelivery,
    claim_deliveries,
    mark_due_now,
)
from services.partner_adapters.list_lost_calls import list_lost_calls
from services.partner_adapters.partner_adapter import PartnerAdapter
from services.partner_adapters.partner_file import PartnerFile
from services.partner_adapters.partner_locks import PartnerLocks
from services.partner_adapters.partner_store import mark_condition
from services.partner_adapters.record_deliveries import CallEnded
from services.partner_adapters.referral_progress import Outcome
from shared.contracts.delivery_state import DeliveryState
from shared.plumbing.clock import Clock
from shared.plumbing.database import TRANSIENT, Database, DatabaseUnavailable
from shared.plumbing.group_commit import GroupCommit
from shared.plumbing.sealing import Sealer

log = structlog.get_logger()

_CALLS = Counter("aiguillage_partner_calls_total", "Calls of partners", ["partner", "outcome"])
_DURATION = Histogram("aiguillage_partner_call_seconds", "Time a partner took", ["partner"])
_BREAKER = Gauge("aiguillage_partner_breaker_open", "1 unless the breaker is closed", ["partner"])
_IN_FLIGHT = Gauge("aiguillage_partner_calls_in_flight", "Calls under way", ["partner"])

OVERTIME = 3.0
"""Seconds beyond a request's own time-out that a whole call may last (a token to fetch)."""
_CLAIM_MARGIN = 5.0
"""Seconds between the end of the longest call and the moment its claim is taken as lost."""
_LOST_EVERY = timedelta(seconds=5)
_RETRY = 1.0
_PACE = 0.01
"""Least seconds between two claims, so that one statement serves several calls that ended."""

Recorder = GroupCommit[CallEnded, DeliveryState | None]


class PartnerLoop:
    """Serves one partner while this process holds its lock; `run()` until cancelled.

    `poll`: seconds after which it looks again without having been woken.
    """

    def __init__(
        self,
        *,
        partner: PartnerFile,
        adapter: PartnerAdapter,
        owner: str,
        locks: PartnerLocks,
        database: Database,
        recorder: Recorder,
        sealer: Sealer,
        clock: Clock,
        poll: float = 1.0,
    ) -> None:
        self._partner = partner
        self._adapter = adapter
        self._owner = owner
        self._locks = locks
        self._database = database
        self._recorder = recorder
        self._sealer = sealer
        self._clock = clock
        self._poll = poll
        self._rules = partner.breaker.rules()
        self._call_timeout = partner.limits.request_timeout_seconds + OVERTIME
        self._breaker = Breaker()
        self._attention: str | None = None
        self._shown: tuple[BreakerState, str | None] | None = None
        self._changed = asyncio.Event()
        self._calling = 0
        self._in_flight: dict[UUID, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """There may be something to deliver."""
        self._changed.set()

    async def run(self) -> None:
        """Serve whenever the lock is ours; what is under way at the end is finished."""
        try:
            while True:
                await self._locks.acquired(self._partner.id)
                await self._patiently(self._serve)
        finally:
            await self._finish()

    async def _finish(self) -> None:
        """Let the calls under way end and be recorded; none may outlive the loop."""
        if not self._in_flight:
            return
        _, left = await asyncio.wait(self._in_flight.values(), timeout=self._call_timeout)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _serve(self) -> None:
        self._shown = None
        settle_at = self._clock.now()
        while self._locks.holds(self._partner.id):
            if self._clock.now() >= settle_at:
                await self._settle_lost_calls()
                settle_at = self._clock.now() + _LOST_EVERY
            self._changed.clear()
            await self._claim_and_call()
            await self._show_condition()
            # Not wait_for(): in Python 3.11 it can swallow the cancellation that stops us.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._changed.wait()
            await asyncio.sleep(_PACE)

    async def _claim_and_call(self) -> None:
        now = self._clock.now()
        most = self._partner.limits.concurrency
        allowed = calls_allowed(
            self._breaker,
            now=now,
            free=min(most - self._calling, 2 * most - len(self._in_flight)),
            in_flight=len(self._in_flight),
        )
        if not allowed:
            return
        claimed = await claim_deliveries(
            self._database,
            partner_id=self._partner.id,
            owner=self._owner,
            now=now,
            claimed_until=now + timedelta(seconds=self._call_timeout + _CLAIM_MARGIN),
            limit=allowed,
        )
        if claimed:
            self._breaker = about_to_call(self._breaker)
        for delivery in claimed:
            self._calling += 1
            task = asyncio.create_task(self._call_and_record(delivery))
            self._in_flight[delivery.delivery_id] = task
            task.add_done_callback(partial(self._ended, delivery.delivery_id))
        _IN_FLIGHT.labels(self._partner.id).set(len(self._in_flight))

    def _ended(self, delivery_id: UUID, _: asyncio.Task[None]) -> None:
        del self._in_flight[delivery_id]
        self._changed.set()

    async def _call_and_record(self, claimed: ClaimedDelivery) -> None:
        try:
            call = await deliver_referral(
                claimed,
                partner=self._partner,
                adapter=self._adapter,
                sealer=self._sealer,
                clock=self._clock,
                timeout=self._call_timeout,
            )
        finally:
            self._calling -= 1
            self._changed.set()
        _CALLS.labels(self._partner.id, call.outcome.kind).inc()
        _DURATION.labels(self._partner.id).observe((call.duration_ms or 0) / 1000)
        self._learn_from(call.outcome)
        await self._record(call)

    async def _record(self, call: CallEnded) -> None:
        """Until it is recorded: only this process knows how the call ended."""

        async def submit() -> None:
            try:
                await self._recorder.submit(call)
            except (DatabaseUnavailable, *TRANSIENT):
                raise
            except Exception as error:
                log.exception(
                    "delivery_not_recorded",
                    referral_id=str(call.referral_id),
                    partner_id=self._partner.id,
                    cause=type(error).__name__,
                )
                await self._record_without_words(call)

        await self._patiently(submit)

    async def _record_without_words(self, call: CallEnded) -> None:
        """Perhaps the partner's words cannot be stored: that must not send it again for ever."""
        outcome = replace(call.outcome, partner_reference=None)
        with contextlib.suppress(Exception):  # the claim expires: an unknown outcome, then
            await self._recorder.submit(replace(call, outcome=outcome, answer=""))

    def _learn_from(self, outcome: Outcome) -> None:
        now = self._clock.now()
        if outcome.reason == CANNOT_BE_OPENED:
            return  # the partner was not called
        if outcome.kind in {"accepted", "refused"}:
            # A refusal is an answer: the partner is well.
            self._breaker, self._attention = after_success(self._breaker), None
        elif outcome.kind == "needs_attention":
            self._breaker = opened_at_once(self._breaker, self._rules, now=now)
            self._attention = outcome.reason
        elif outcome.retry_after is not None:
            self._breaker = held_until(
                self._breaker, now + timedelta(seconds=max(outcome.retry_after, 1.0))
            )
        else:
            self._breaker = after_failure(self._breaker, self._rules, now=now)

    async def _settle_lost_calls(self) -> None:
        lost = await list_lost_calls(
            self._database,
            partner=self._partner,
            owner=self._owner,
            clock=self._clock,
        )
        mine = [call for call in lost if call.delivery_id not in self._in_flight]
        await asyncio.gather(*(self._record(call) for call in mine))

    async def _show_condition(self) -> None:
        breaker, attention = self._breaker.state, self._attention
        if (breaker, attention) == self._shown:
            return
        await mark_condition(
            self._database,
            self._partner.id,
            breaker=breaker.value,
            needs_attention=attention,
            now=self._clock.now(),
        )
        is_closed = breaker is BreakerState.CLOSED
        was_open = self._shown is not None and self._shown[0] is not BreakerState.CLOSED
        if is_closed and was_open:
            await mark_due_now(
                self._database,
                partner_id=self._partner.id,
                now=self._clock.now(),
                also_sent=self._partner.after_unknown == "resend",
            )
            self._changed.set()
        log.info(
            "partner_condition_changed",
            partner_id=self._partner.id,
            breaker=breaker.value,
            needs_attention=attention,
        )
        _BREAKER.labels(self._partner.id).set(0 if is_closed else 1)
        self._shown = (breaker, attention)

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do this, again while PostgreSQL is away."""
        while True:
            try:
                await work()
                return
            except (DatabaseUnavailable, *TRANSIENT):
                log.warning("partner_loop_waits_for_database", partner_id=self._partner.id)
                await asyncio.sleep(_RETRY)
