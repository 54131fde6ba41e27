"""Statuses told twice, or the later one first, where the fault panel says so."""

from collections.abc import Callable
from functools import partial

from services.partner_simulators.faults import FaultPanel
from services.partner_simulators.office import StatusMessage
from services.partner_simulators.schedule import Schedule

LATE_AT_MOST = 10.0


class Disorder:
    """Stands between an agency's people and whatever carries what they say."""

    def __init__(
        self, tell: Callable[[StatusMessage], None], *, faults: FaultPanel, schedule: Schedule
    ) -> None:
        self._tell = tell
        self._faults = faults
        self._schedule = schedule
        self._held_back: dict[str, StatusMessage] = {}

    def tell(self, message: StatusMessage) -> None:
        """Tell a status as it is, twice, or after the next one about the same referral.

        What no other follows is told after the fault's `seconds`.
        """
        fault = self._faults.current
        held_back = self._held_back.pop(message["referral_id"], None)
        if fault is not None and fault.kind == "out_of_order_statuses" and held_back is None:
            self._held_back[message["referral_id"]] = message
            late = LATE_AT_MOST if fault.seconds is None else fault.seconds
            self._schedule.after(late, partial(self._let_go, message))
            return
        self._tell(message)
        if fault is not None and fault.kind == "duplicate_statuses":
            self._tell(message)
        if held_back is not None:
            self._tell(held_back)

    def _let_go(self, message: StatusMessage) -> None:
        if self._held_back.get(message["referral_id"]) is message:
            del self._held_back[message["referral_id"]]
            self._tell(message)
