"""A router's insides on a real PostgreSQL, with a clock that tests move."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from services.router.consumers import RouterConsumer
from services.router.held_decisions_loop import HeldDecisions
from shared.contracts.cloudevents import CloudEvent, from_message
from shared.contracts.events import (
    AgencyChoices,
    ConsentGiven,
    Event,
    RequestRerouteAskedV1,
    RequestSubmittedV1,
    RequestWithdrawnV1,
)
from shared.contracts.personal import RequestContent, Visitor
from shared.plumbing.clock import MovableClock
from shared.plumbing.database import Database
from shared.plumbing.sealing import Sealer

UNDO = timedelta(seconds=20)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Rig:
    """A router's insides and the events a test says to it."""

    database: Database
    clock: MovableClock
    sealer: Sealer
    consumer: RouterConsumer
    held: HeldDecisions

    def submitted(
        self,
        text: str,
        *,
        case_id: UUID | None = None,
        scope: str = "concerned",
        postcode: str | None = "75019",
        **choices: tuple[str, ...],
    ) -> RequestSubmittedV1:
        case_id = case_id or uuid4()
        content = RequestContent(text=text, visitor=Visitor(postcode=postcode))
        return RequestSubmittedV1.model_validate(
            {
                "case_id": case_id,
                "reference": "ABCD2345",
                "channel": "agent",
                "site_id": "paris-19",
                "taken_at": self.clock.now(),
                "received_at": self.clock.now(),
                "consent": ConsentGiven.model_validate(
                    {
                        "text_version": "1",
                        "given_at": self.clock.now(),
                        "given_by": "visitor",
                        "scope": scope,
                    }
                ),
                "choices": AgencyChoices.model_validate(choices),
                "sealed": self.sealer.seal(content, bound_to=case_id),
            }
        )

    def withdrawn(self, case_id: UUID) -> RequestWithdrawnV1:
        return RequestWithdrawnV1(
            case_id=case_id, withdrawn_at=self.clock.now(), withdrawn_by="agent-1"
        )

    def reroute(
        self, case_id: UUID, *partners: str, referral_id: UUID | None = None
    ) -> RequestRerouteAskedV1:
        return RequestRerouteAskedV1(
            case_id=case_id,
            reroute_id=uuid4(),
            referral_id=referral_id,
            partners=partners,
            asked_at=self.clock.now(),
            asked_by="agent-1",
        )

    async def hear(self, *events: Event) -> list[CloudEvent]:
        """Handle one batch; the events it announced, in the order they will be published."""
        batch = [
            CloudEvent(id=uuid4(), source="intake", time=self.clock.now(), data=event)
            for event in events
        ]
        async with self.database.transaction() as tx:
            await self.consumer.handle(tx, batch)
        return await self.announced()

    async def announced(self) -> list[CloudEvent]:
        """Empty the outbox, as the relay would."""
        rows = await self.database.run_alone("DELETE FROM router.outbox RETURNING *")
        return [
            from_message(row["headers"], row["value"])
            for row in sorted(rows, key=lambda r: r["id"])
        ]


def said(events: list[CloudEvent]) -> list[str]:
    """`referral.issued caf`, `case.routed` … for short assertions."""
    return [
        event.data.TYPE.removesuffix(".v1")
        + (f" {partner}" if (partner := getattr(event.data, "partner_id", "")) else "")
        for event in events
    ]
