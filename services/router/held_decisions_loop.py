"""The loop that issues held decisions once their time to be undone is over."""

from uuid import UUID

from services.router.case_file import CaseFile, Decision, HeldDecision, Lesson
from services.router.catalogue.entries import Catalogue
from services.router.decision_store import find_due_case, list_due_cases, save_cases
from services.router.issue_held_decision import issue_held_decision
from services.router.learning.example_store import insert_labelled_examples
from services.router.learning.label_texts import label_texts
from services.router.partner_store import get_partners
from shared.contracts.personal import RequestContent
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, DatabaseUnavailable
from shared.plumbing.observability import log
from shared.plumbing.outbox import Outbox, OutgoingEvent
from shared.plumbing.sealing import Sealer

_LOOK_EVERY = 1.0
"""Seconds of the clock between two looks: far below what a person notices after 20 s."""
_AT_ONCE = 100


class HeldDecisions:
    """Issues what is due, one transaction per case; several processes may do so at once."""

    def __init__(
        self,
        *,
        database: Database,
        outbox: Outbox,
        sealer: Sealer,
        catalogue: Catalogue,
        clock: Clock,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._sealer = sealer
        self._catalogue = catalogue
        self._listed = frozenset(catalogue.partners)
        self._clock = clock

    async def run(self) -> None:
        """Issue for ever; while PostgreSQL is away, wait for it."""
        while True:
            try:
                await self.issue_due()
            except DatabaseUnavailable:
                log.warning("held_decisions_wait_for_database")
            await self._clock.sleep(_LOOK_EVERY)

    async def issue_due(self) -> int:
        """Issue what is due now and return on how many cases; one that fails holds up no other."""
        issued = 0
        now = self._clock.now()
        for case_id in await list_due_cases(self._database, now=now, limit=_AT_ONCE):
            try:
                issued += await self._issue_on(case_id)
            except DatabaseUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - logged each look until a person acts
                log.error("held_decision_failed", case_id=str(case_id), cause=type(error).__name__)
        return issued

    async def _issue_on(self, case_id: UUID) -> bool:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            before = await find_due_case(tx, case_id=case_id)
            if before is None:
                return False  # another process holds it, and sees to it
            due = [held for held in before.held if held.state == "waiting" and held.due_at <= now]
            partners = await get_partners(tx, listed=self._listed)
            after = before
            decisions: list[Decision] = []
            events: list[OutgoingEvent] = []
            lessons: list[Lesson] = []
            for held in due:
                step = issue_held_decision(
                    after,
                    held,
                    postcode=self._postcode_of(before),
                    catalogue=self._catalogue,
                    partners=partners,
                    now=now,
                )
                after = step.case
                decisions += step.decisions
                events += step.events
                lessons += step.lessons
            await save_cases(
                tx, before={case_id: before}, after={case_id: after}, decisions=decisions
            )
            await insert_labelled_examples(tx, label_texts(after, lessons, sealer=self._sealer))
            await self._outbox.append(tx, events)
        for held in due:
            _log_issued(after, held)
        return bool(due)

    def _postcode_of(self, case: CaseFile) -> str | None:
        if case.request is None:
            return None
        content = self._sealer.open(case.request.sealed, RequestContent, bound_to=case.case_id)
        return content.visitor.postcode


def _log_issued(case: CaseFile, held: HeldDecision) -> None:
    log.info("held_decision_issued", case_id=str(case.case_id), reroute_id=str(held.reroute_id))
