"""What happens to a file at an agency: pure, and the same every time for the same referral.

received → acknowledged → in_progress → resolved
                                      → refused (with a reason)
                                      → needs_information → (answer) → in_progress → resolved
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args
from zlib import crc32


class Stage(StrEnum):
    """Where a file stands; the values are the portal's own words."""

    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "in_progress"
    NEEDS_INFORMATION = "needs_information"
    RESOLVED = "resolved"
    REFUSED = "refused"


Reason = Literal["not_competent", "outside_area", "duplicate", "incomplete", "other"]
REASONS: tuple[Reason, ...] = get_args(Reason)


@dataclass(frozen=True, slots=True)
class Fate:
    """What a file is heading for, decided the day it arrives."""

    end: Literal["resolved", "refused"]
    asks_first: bool = False
    reason: Reason | None = None


OUTCOMES: dict[str, Fate] = {
    "resolved": Fate("resolved"),
    "needs_information": Fate("resolved", asks_first=True),
    **{f"refused:{reason}": Fate("refused", reason=reason) for reason in REASONS},
}
"""The outcomes that can be ordered for every file; `mixed` lets the referral id decide."""


ORDERED: dict[bytes, Fate] = {
    b"ESSAI-RESOLU": OUTCOMES["resolved"],
    b"ESSAI-QUESTION": OUTCOMES["needs_information"],
    b"ESSAI-REFUS": OUTCOMES["refused:other"],
}
"""What a trial asks for in its own text (docs/partners/conformance.md)."""


def fate_ordered_in(body: bytes) -> Fate | None:
    """The end that a trial's text asks for, if it is a trial."""
    return next((fate for word, fate in ORDERED.items() if word in body), None)


def number_of(referral_id: str) -> int:
    """A stable number for a referral: the only source of chance in these agencies."""
    return crc32(referral_id.encode())


def fate_of(referral_id: str, *, outcome: str) -> Fate:
    """Decide a file's end. `mixed`: one in six is asked a question, one in twelve is refused.

    Raises KeyError for an outcome that is neither `mixed` nor in `OUTCOMES`.
    """
    if outcome != "mixed":
        return OUTCOMES[outcome]
    number = number_of(referral_id)
    match number % 12:
        case 0 | 1:
            return OUTCOMES["needs_information"]
        case 2:
            return OUTCOMES[f"refused:{REASONS[number // 12 % len(REASONS)]}"]
        case _:
            return OUTCOMES["resolved"]


def next_stage(stage: Stage, *, fate: Fate, answered: bool) -> Stage | None:
    """What the agency does next by itself; None when it waits for somebody or is done."""
    match stage:
        case Stage.RECEIVED:
            return Stage.ACKNOWLEDGED
        case Stage.ACKNOWLEDGED:
            return Stage.IN_PROGRESS
        case Stage.IN_PROGRESS if fate.asks_first and not answered:
            return Stage.NEEDS_INFORMATION
        case Stage.IN_PROGRESS:
            return Stage(fate.end)
        case Stage.NEEDS_INFORMATION if answered:
            return Stage.IN_PROGRESS
        case _:
            return None
