"""What the router hears, and which use case answers it.

A batch is worked out case by case in memory, between one reading and one writing of the
cases it concerns, in the transaction that also marks its events as seen.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from services.router.case_file import CaseFile, Decision, Step
from services.router.catalogue.entries import Catalogue
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.decision_store import lock_cases, save_cases
from services.router.hold_reroute import hold_reroute
from services.router.learning.example_store import LabelledExample, insert_labelled_examples
from services.router.learning.label_texts import label_texts
from services.router.partner_store import get_partners, upsert_partners
from services.router.partners import Partners
from services.router.pass_on_answer import pass_on_answer
from services.router.read_request import read_request
from services.router.return_refused_referral import return_refused_referral
from services.router.route_request import route_request
from services.router.withdraw_case import withdraw_case
from shared.contracts.cloudevents import CloudEvent
from shared.contracts.events import (
    CaseEvent,
    PartnerDescribedV1,
    ReferralStatusChangedV1,
    RequestAnsweredV1,
    RequestRerouteAskedV1,
    RequestSubmittedV1,
    RequestWithdrawnV1,
)
from shared.contracts.topics import CASE_REQUESTS, CASE_UPDATES, PARTNER_DIRECTORY
from shared.plumbing.clock import Clock
from shared.plumbing.database import Transaction
from shared.plumbing.outbox import Outbox, OutgoingEvent
from shared.plumbing.sealing import Sealer

GROUP = "router"
_PART = 25
"""Events worked out between two statements: PostgreSQL ends a transaction that says nothing for
30 s, and a text of 5,000 characters made to be slow takes most of a second to read."""
TOPICS = (CASE_REQUESTS, CASE_UPDATES, PARTNER_DIRECTORY)
_HEARD = (
    RequestSubmittedV1,
    RequestWithdrawnV1,
    RequestAnsweredV1,
    RequestRerouteAskedV1,
    ReferralStatusChangedV1,
    PartnerDescribedV1,
)


def concerns_us(event: CloudEvent) -> bool:
    """Pass over our own words on `case-updates` and what only intake needs to hear."""
    return isinstance(event.data, _HEARD)


@dataclass(frozen=True, kw_only=True)
class RouterConsumer:
    """Handles one batch of events; what it needs is handed to it."""

    catalogue: Catalogue
    compiled: CompiledCatalogue
    sealer: Sealer
    outbox: Outbox
    clock: Clock
    undo: timedelta

    async def handle(self, tx: Transaction, events: Sequence[CloudEvent]) -> None:
        """Decide on every event of the batch; raises what a use case raises."""
        await upsert_partners(
            tx, [event.data for event in events if isinstance(event.data, PartnerDescribedV1)]
        )
        partners = await get_partners(tx, listed=frozenset(self.compiled.partner_ids))
        about_cases = [event for event in events if isinstance(event.data, CaseEvent)]
        cases = await lock_cases(tx, [UUID(event.data.subject) for event in about_cases])
        for part in _parts(about_cases):
            # Reading is CPU work: the event loop must not wait for it.
            outcome = await asyncio.to_thread(
                self._work_out, part, cases, partners=partners, now=self.clock.now()
            )
            await save_cases(tx, before=cases, after=outcome.cases, decisions=outcome.decisions)
            await insert_labelled_examples(tx, outcome.examples)
            await self.outbox.append(tx, outcome.announced)
            cases = outcome.cases

    def _work_out(
        self,
        events: Sequence[CloudEvent],
        before: Mapping[UUID, CaseFile],
        *,
        partners: Partners,
        now: datetime,
    ) -> "_Outcome":
        outcome = _Outcome(cases=dict(before))
        for event in events:
            case_id = UUID(event.data.subject)
            step = self._answer(outcome.cases[case_id], event, partners=partners, now=now)
            outcome.cases[case_id] = step.case
            outcome.decisions += step.decisions
            outcome.announced += step.events
            outcome.examples += label_texts(step.case, step.lessons, sealer=self.sealer)
        return outcome

    def _answer(
        self, case: CaseFile, event: CloudEvent, *, partners: Partners, now: datetime
    ) -> Step:
        match event.data:
            case RequestSubmittedV1() as submitted:
                return route_request(
                    case,
                    submitted,
                    read_request(submitted, sealer=self.sealer, compiled=self.compiled),
                    catalogue=self.catalogue,
                    partners=partners,
                    now=now,
                    trace=event.trace,
                )
            case RequestWithdrawnV1() as withdrawal:
                return withdraw_case(case, withdrawal, trace=event.trace)
            case RequestAnsweredV1() as answer:
                return pass_on_answer(case, answer, trace=event.trace)
            case RequestRerouteAskedV1() as asked:
                return hold_reroute(case, asked, undo=self.undo, now=now, trace=event.trace)
            case ReferralStatusChangedV1() as said:
                return return_refused_referral(case, said, now=now, trace=event.trace)
            case _:
                return Step(case)


def _parts(events: Sequence[CloudEvent]) -> Iterator[Sequence[CloudEvent]]:
    for start in range(0, len(events), _PART):
        yield events[start : start + _PART]


@dataclass
class _Outcome:
    """What a part of a batch did: the cases as they are now, what was decided and is to be said."""

    cases: dict[UUID, CaseFile]
    decisions: list[Decision] = field(default_factory=list)
    announced: list[OutgoingEvent] = field(default_factory=list)
    examples: list[LabelledExample] = field(default_factory=list)
