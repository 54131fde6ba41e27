"""THE PORT: how one way of talking to a partner looks to the delivery loop.

An adapter translates and calls; it opens no database and no broker (its transport is
handed in) and knows no other adapter. What it raises says what to do next:

    PartnerUnavailable     not taken: try again, on the schedule
    OutcomeUnknown         perhaps taken: the partner's `after_unknown` decides
    PartnerRefused         refused as it stands: a person must look, never sent again as it is
    PartnerNeedsAttention  the whole partner is affected (credentials, a redirect): nothing is
                           lost, its rows stay due, and a person is told
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable
from uuid import UUID

What = Literal["referral", "answer", "withdrawal"]


@dataclass(frozen=True)
class Delivery:
    """One thing to hand over. `body` holds only what this partner may receive."""

    delivery_id: UUID
    case_id: UUID
    referral_id: UUID
    what: What
    body: Mapping[str, Any]
    unit_id: str | None = None
    trace: Mapping[str, str] = field(default_factory=dict)
    batch_id: UUID | None = None
    """Those handed over together share it; it was stored before the call, so that a kind that
    hands over by file can name the file after it."""
    earlier_batch_id: UUID | None = None
    """The batch of the time before, which may have reached the partner."""


@dataclass(frozen=True)
class Receipt:
    """The partner has it. `answer` is what it said, for the attempt's record."""

    partner_reference: str | None = None
    answer: str = ""


@dataclass(frozen=True)
class PartnerStatus:
    """One status in the partner's own words. `status_id` is unique per partner and status."""

    status_id: str
    referral_id: UUID
    word: str
    at: datetime
    reason_word: str | None = None
    message: str | None = None
    partner_reference: str | None = None
    """The partner's own for its file, where a status is what tells it."""


@dataclass(frozen=True)
class Unfinished:
    """`entry` (JSON) names it, and is sealed; `problem` is read by people and quotes nothing."""

    entry: str
    problem: str


@dataclass(frozen=True)
class Collected:
    """Statuses read by polling, and where to go on from."""

    statuses: Sequence[PartnerStatus]
    cursor: str | None
    unreadable: Sequence[str] = ()
    """Statuses that make no sense, as they came (JSON): for a person."""
    unfinished: Sequence[Unfinished] = ()
    """What the partner left half done for too long: for a person."""


class PartnerFailure(Exception):
    """Base of the four. `reason` is a static word such as `http_503`; it is stored and logged.

    `answer` is what the partner said: never logged, kept sealed with the attempt.
    """

    def __init__(self, reason: str, *, answer: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer


class PartnerUnavailable(PartnerFailure):
    """It certainly was not taken; `retry_after` is in seconds, when the partner said so."""

    def __init__(self, reason: str, *, answer: str = "", retry_after: float | None = None) -> None:
        super().__init__(reason, answer=answer)
        self.retry_after = retry_after


class OutcomeUnknown(PartnerFailure):
    """The line was cut, or the answer makes no sense, after the request was sent."""


class PartnerRefused(PartnerFailure):
    """The partner will not take it as it stands."""


class PartnerNeedsAttention(PartnerFailure):
    """No delivery to this partner can work until a person has acted."""


class PartnerAdapter(Protocol):
    """What every kind can do."""

    async def deliver(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        """Hand these over; one receipt each, in the order given. A batch of one for most kinds.

        Raises a `PartnerFailure` that holds for the whole batch.
        """
        ...

    async def close(self) -> None:
        """Let go of what the adapter itself opened, if anything."""
        ...


@runtime_checkable
class LooksUp(Protocol):
    """A kind that can ask the partner whether it has a referral."""

    async def look_up(self, delivery: Delivery) -> Receipt | None:
        """The receipt it would have given, or None when the partner never got it."""
        ...


@runtime_checkable
class Collects(Protocol):
    """A kind whose statuses have to be fetched."""

    async def collect(self, cursor: str | None) -> Collected:
        """The statuses after `cursor` (None: from the beginning). Raises `PartnerFailure`."""
        ...
