"""What the router hears, and which use case answers it.

A batch is worked out case by case in memory, between one reading and one writing of the
cases it concerns, in the transaction that also marks its events as seen.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.router.case_file import CaseFile, Decision, Step
from services.router.catalogue.entries import Catalogue
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.decision_store import lock_cases, save_cases
from services.router.hold_reroute import hold_reroute
from services.router.partner_store import get_partners, upsert_partners
from services.router.pass_on_answer import pass_on_answer
from services.router.read_request import Reading, read_request
from services.router.return_refused_referral import return_refused_referral
from services.router.route_request import Partners, route_request
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
        # Reading 500 requests takes a second of CPU: the event loop must not wait for it.
        readings = await asyncio.to_thread(self._read_requests, events)
        await upsert_partners(
            tx, [event.data for event in events if isinstance(event.data, PartnerDescribedV1)]
        )
        partners = await get_partners(tx, listed=frozenset(self.compiled.partner_ids))
        about_cases = [event for event in events if isinstance(event.data, CaseEvent)]
        before = await lock_cases(tx, [UUID(event.data.subject) for event in about_cases])
        after = dict(before)
        decisions: list[Decision] = []
        announced: list[OutgoingEvent] = []
        now = self.clock.now()
        for event in about_cases:
            case_id = UUID(event.data.subject)
            step = self._answer(after[case_id], event, readings, partners=partners, now=now)
            after[case_id] = step.case
            decisions += step.decisions
            announced += step.events
        await save_cases(tx, before=before, after=after, decisions=decisions)
        await self.outbox.append(tx, announced)

    def _read_requests(self, events: Sequence[CloudEvent]) -> dict[UUID, Reading]:
        return {
            event.id: read_request(event.data, sealer=self.sealer, compiled=self.compiled)
            for event in events
            if isinstance(event.data, RequestSubmittedV1)
        }

    def _answer(
        self,
        case: CaseFile,
        event: CloudEvent,
        readings: dict[UUID, Reading],
        *,
        partners: Partners,
        now: datetime,
    ) -> Step:
        match event.data:
            case RequestSubmittedV1() as submitted:
                return route_request(
                    case,
                    submitted,
                    readings[event.id],
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
