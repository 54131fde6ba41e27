"""One loop per partner: claim (commit) → call → record (commit). None waits for another's.

Claimed is only what can be called at once, so that `sending` means just that; how many outcomes
may wait for their commit is bounded, and so is memory. The breaker and the pace live here: one
process serves a partner at a time.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import structlog
from prometheus_client import Counter, Gauge, Histogram

from services.partner_adapters.breaker import (
    Breaker,
    BreakerState,
    about_to_call,
    after_failure,
    after_success,
    asked_to_probe,
    calls_allowed,
    held_until,
    opened_at_once,
    taken_over,
)
from services.partner_adapters.business_days import public_holidays
from services.partner_adapters.claim_store import (
    ClaimedDelivery,
    claim_deliveries,
    mark_due_now,
)
from services.partner_adapters.deliver_referrals import NEVER_CALLED, deliver_referrals
from services.partner_adapters.list_lost_calls import list_lost_calls
from services.partner_adapters.opening_hours import is_open
from services.partner_adapters.partner_adapter import PartnerAdapter
from services.partner_adapters.partner_file import PartnerFile
from services.partner_adapters.partner_locks import PartnerLocks
from services.partner_adapters.partner_store import find_breaker, find_retried_at, mark_condition
from services.partner_adapters.record_deliveries import CallEnded
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
_MOST_WAITING = 128
"""Outcomes that may wait for their commit: calling goes on meanwhile, and commits are large."""
_PACE = 0.01
"""Seconds between claims, so that one serves several calls that ended; with a backlog, until
half of the places are free."""

_IS_WELL = frozenset({"accepted", "not_there", "refused"})
"""Outcomes that only a partner that is well gives; a refusal is an answer."""

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
        self._paces = partner.limits.paces()
        self._hours = partner.hours.opening_hours() if partner.hours else None
        self._breaker = Breaker()
        self._attention: str | None = None
        self._shown: tuple[BreakerState, str | None] | None = None
        self._asked: datetime | None = None
        """When a person last asked that the partner be called."""
        self._changed = asyncio.Event()
        self._half_free = asyncio.Event()
        self._calling = 0
        self._calls: set[asyncio.Task[None]] = set()
        """Under way, or waiting for their outcomes to be recorded."""
        self._in_flight: set[UUID] = set()

    def wake(self) -> None:
        """There may be something to deliver."""
        self._changed.set()

    async def run(self) -> None:
        """Serve whenever the lock is ours; what is under way at the end is finished."""
        if self._hours is not None:
            await asyncio.to_thread(public_holidays)  # the first time takes half a second
        try:
            while True:
                await self._locks.acquired(self._partner.id)
                await self._patiently(self._serve)
        finally:
            await self._finish()

    async def _finish(self) -> None:
        """Let the calls under way end and be recorded; none may outlive the loop."""
        if not self._calls:
            return
        _, left = await asyncio.wait(self._calls, timeout=self._call_timeout)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _serve(self) -> None:
        await self._take_over()
        settle_at = self._clock.now()
        while self._locks.holds(self._partner.id):
            if self._clock.now() >= settle_at:
                await self._settle_lost_calls()
                settle_at = self._clock.now() + _LOST_EVERY
            self._changed.clear()
            await self._heed_people()
            all_places_taken = await self._claim_and_call()
            await self._show_condition()
            await _set_within(self._changed, self._poll)
            if all_places_taken:
                await _set_within(self._half_free, _PACE)
            else:
                await asyncio.sleep(_PACE)

    async def _take_over(self) -> None:
        """Go on from what was shown last: the outage that a process dies in is not over."""
        self._shown = None
        self._asked = await find_retried_at(self._database, self._partner.id)
        shown = await find_breaker(self._database, self._partner.id)
        if shown is None or self._breaker.state is not BreakerState.CLOSED:
            return
        self._shown = BreakerState(shown["breaker"]), shown["needs_attention"]
        self._breaker, self._attention = taken_over(self._shown[0]), self._shown[1]
        _BREAKER.labels(self._partner.id).set(0 if self._shown[0] is BreakerState.CLOSED else 1)

    async def _heed_people(self) -> None:
        """Long in trouble, the partner is called seldom, but at once when a person asks for it."""
        if self._breaker.state is not BreakerState.OPEN:
            return
        asked = await find_retried_at(self._database, self._partner.id)
        if asked != self._asked:
            self._asked = asked
            self._breaker = asked_to_probe(self._breaker, now=self._clock.now())

    async def _claim_and_call(self) -> bool:
        """Start what may start; tells whether there was something for every place."""
        now = self._clock.now()
        allowed = self._may_start(now)
        if not allowed:
            return False
        claimed = await claim_deliveries(
            self._database,
            partner_id=self._partner.id,
            owner=self._owner,
            now=now,
            claimed_until=now + timedelta(seconds=self._call_timeout + _CLAIM_MARGIN),
            batch_ids=[uuid4() for _ in range(allowed)],
            batch=self._partner.limits.batch,
            look_up=self._partner.after_unknown == "look_up",
        )
        if claimed:
            self._breaker = about_to_call(self._breaker)
        for pace in self._paces:
            pace.took(len(claimed), now=now)
        for deliveries in claimed:
            self._start(deliveries)
        self._half_free.clear()
        return len(claimed) == allowed

    def _may_start(self, now: datetime) -> int:
        """How many calls opening hours, places, pace and the breaker allow."""
        if self._hours is not None and not is_open(self._hours, now):
            return 0
        most, batch = self._partner.limits.concurrency, self._partner.limits.batch
        most_waiting = max(1, _MOST_WAITING // batch)
        free = min(
            most - self._calling,
            most + most_waiting - len(self._calls),
            *(pace.free(now=now) for pace in self._paces),
        )
        return max(0, calls_allowed(self._breaker, now=now, free=free, in_flight=len(self._calls)))

    def _start(self, deliveries: Sequence[ClaimedDelivery]) -> None:
        self._calling += 1
        self._in_flight.update(each.delivery_id for each in deliveries)
        task = asyncio.create_task(self._call_and_record(deliveries))
        self._calls.add(task)
        task.add_done_callback(partial(self._ended, deliveries))
        _IN_FLIGHT.labels(self._partner.id).set(len(self._calls))

    def _ended(self, deliveries: Sequence[ClaimedDelivery], task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._in_flight.difference_update(each.delivery_id for each in deliveries)
        _IN_FLIGHT.labels(self._partner.id).set(len(self._calls))
        self._changed.set()

    async def _call_and_record(self, deliveries: Sequence[ClaimedDelivery]) -> None:
        try:
            calls = await deliver_referrals(
                deliveries,
                partner=self._partner,
                adapter=self._adapter,
                sealer=self._sealer,
                clock=self._clock,
                timeout=self._call_timeout,
            )
        finally:
            self._calling -= 1
            self._changed.set()
            if 2 * self._calling <= self._partner.limits.concurrency:
                self._half_free.set()
        _DURATION.labels(self._partner.id).observe((calls[0].duration_ms or 0) / 1000)
        for call in calls:
            _CALLS.labels(self._partner.id, call.outcome.kind).inc()
        self._learn_from(calls)
        await asyncio.gather(*(self._record(call) for call in calls))

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

    def _learn_from(self, calls: Sequence[CallEnded]) -> None:
        """One call says one thing of the partner: what went wrong, if anything did."""
        now = self._clock.now()
        outcomes = [each.outcome for each in calls if each.outcome.reason not in NEVER_CALLED]
        if not outcomes:
            return
        outcome = next((each for each in outcomes if each.kind not in _IS_WELL), outcomes[0])
        if outcome.kind in _IS_WELL:
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
                rest=self._partner.delivery_rules().rest_after_sending,
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


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    # Not wait_for(): in Python 3.11 it can swallow the cancellation that stops us.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
