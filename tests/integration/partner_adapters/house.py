"""A partner_adapters without its processes: stores and use cases on a real PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from services.partner_adapters.claim_store import ClaimedDelivery, claim_deliveries
from services.partner_adapters.partner_adapter import PartnerStatus
from services.partner_adapters.partner_file import PartnerFile
from services.partner_adapters.read_partner_files import load_partner_files
from services.partner_adapters.record_deliveries import CallEnded, record_deliveries
from services.partner_adapters.record_partner_status import record_partner_status
from services.partner_adapters.referral_progress import Outcome
from services.partner_adapters.registry import ADAPTERS
from services.partner_adapters.schedule_delivery import schedule_delivery
from services.partner_adapters.status_store import Said
from shared.contracts.cloudevents import CloudEvent
from shared.contracts.events import (
    DecidedNeed,
    Event,
    ReferralAnswerGivenV1,
    ReferralIssuedV1,
    ReferralRecalledV1,
)
from shared.contracts.personal import RequestContent, Visitor, WrittenContent
from shared.plumbing.clock import MovableClock
from shared.plumbing.database import Database
from shared.plumbing.outbox import Outbox
from shared.plumbing.sealing import KeyRing, Sealer

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


def issued(
    *,
    partner_id: str = "caf",
    sealer: Sealer,
    unit_id: str | None = None,
    text: str = "mon APL n’arrive plus",
) -> ReferralIssuedV1:
    """One partner's share of a new case."""
    case_id = uuid4()
    visitor = Visitor(given_name="Awa", birth_date="1950-01-02", identifiers={"caf": "1234567"})
    return ReferralIssuedV1(
        case_id=case_id,
        referral_id=uuid4(),
        partner_id=partner_id,
        unit_id=unit_id,
        reference="K7M4-QX9T",
        channel="kiosk",
        site_id="paris-19",
        urgent=False,
        taken_at=NOON,
        issued_at=NOON,
        needs=(
            DecidedNeed(
                need_id=uuid4(),
                demarche_id=f"{partner_id}.autre",
                title="Autre démarche",
                partner_id=partner_id,
                probability=0.9,
                reason="word",
            ),
        ),
        sealed=sealer.seal(RequestContent(text=text, visitor=visitor), bound_to=case_id),
    )


@dataclass
class House:
    database: Database
    clock: MovableClock = field(default_factory=lambda: MovableClock(NOON))
    sealer: Sealer = field(default_factory=lambda: Sealer(KeyRing.parse(KeyRing.generate_text())))
    partners: dict[str, PartnerFile] = field(
        default_factory=lambda: load_partner_files(kinds=ADAPTERS)
    )
    woken: list[str] = field(default_factory=list)

    @property
    def outbox(self) -> Outbox:
        return Outbox(schema="partner_adapters", source="partner_adapters", clock=self.clock)

    async def issue(self, partner_id: str = "caf", **given: Any) -> ReferralIssuedV1:
        event = issued(partner_id=partner_id, sealer=self.sealer, **given)
        await self.hear(event)
        return event

    async def issue_many(self, number: int, partner_id: str = "caf") -> None:
        """In one transaction."""
        await self.hear(*(issued(partner_id=partner_id, sealer=self.sealer) for _ in range(number)))

    async def recall(self, of: ReferralIssuedV1) -> None:
        await self.hear(
            ReferralRecalledV1(
                case_id=of.case_id,
                referral_id=of.referral_id,
                partner_id=of.partner_id,
                recalled_at=self.clock.now(),
                because="withdrawn",
            )
        )

    async def answer(self, of: ReferralIssuedV1, text: str = "les voici") -> UUID:
        answer_id = uuid4()
        await self.hear(
            ReferralAnswerGivenV1(
                case_id=of.case_id,
                answer_id=answer_id,
                referral_id=of.referral_id,
                partner_id=of.partner_id,
                answered_at=self.clock.now(),
                sealed=self.sealer.seal(WrittenContent(text=text), bound_to=of.case_id),
            )
        )
        return answer_id

    async def hear(self, *events: Event) -> None:
        """As consume() hands them over."""
        async with self.database.transaction() as tx:
            await schedule_delivery(
                tx,
                [
                    CloudEvent(id=uuid4(), source="router", time=NOON, data=event, trace=TRACE)
                    for event in events
                ],
                outbox=self.outbox,
                clock=self.clock,
                wake=self.woken.append,
            )

    async def claim(
        self, partner_id: str = "caf", *, owner: str = "me", limit: int = 10
    ) -> list[ClaimedDelivery]:
        return [
            claimed
            for [claimed] in await self.claim_calls(partner_id, owner=owner, calls=limit, batch=1)
        ]

    async def claim_calls(
        self, partner_id: str = "caf", *, owner: str = "me", calls: int, batch: int
    ) -> list[list[ClaimedDelivery]]:
        now = self.clock.now()
        return await claim_deliveries(
            self.database,
            partner_id=partner_id,
            owner=owner,
            now=now,
            claimed_until=now + timedelta(seconds=20),
            batch_ids=[uuid4() for _ in range(calls)],
            batch=batch,
            look_up=self.partners[partner_id].after_unknown == "look_up",
        )

    async def record(self, claimed: ClaimedDelivery, kind: Any = "accepted", **outcome: Any) -> Any:
        call = CallEnded(
            delivery_id=claimed.delivery_id,
            referral_id=claimed.referral_id,
            epoch=claimed.epoch,
            started_at=self.clock.now(),
            duration_ms=12,
            outcome=Outcome(kind=kind, **outcome),
            answer="answered so",
        )
        [state] = await self.record_calls([call])
        return state

    async def record_calls(self, calls: Sequence[CallEnded]) -> Any:
        rules = {each: partner.delivery_rules() for each, partner in self.partners.items()}
        async with self.database.transaction() as tx:
            return await record_deliveries(
                tx,
                calls,
                rules=rules,
                sealer=self.sealer,
                outbox=self.outbox,
                clock=self.clock,
            )

    @property
    def record_statuses(self) -> Any:
        return partial(
            record_partner_status,
            words={each: partner.status_words() for each, partner in self.partners.items()},
            sealer=self.sealer,
            outbox=self.outbox,
            clock=self.clock,
        )

    async def say(
        self,
        referral_id: UUID,
        word: str,
        *,
        partner_id: str = "caf",
        status_id: str | None = None,
        reason: str | None = None,
        message: str | None = None,
        reference: str | None = None,
    ) -> str:
        status = PartnerStatus(
            status_id=status_id or str(uuid4()),
            referral_id=referral_id,
            word=word,
            at=self.clock.now(),
            reason_word=reason,
            message=message,
            partner_reference=reference,
        )
        async with self.database.transaction() as tx:
            [recorded] = await self.record_statuses(
                tx, [Said(partner_id=partner_id, status=status)]
            )
        return str(recorded)

    async def row(self, sql: str, *args: object) -> dict[str, Any]:
        found = await self.database.fetchrow(sql, *args)
        assert found is not None
        return dict(found)

    async def delivery(self, of: ReferralIssuedV1, position: int = 1) -> dict[str, Any]:
        return await self.row(
            "SELECT * FROM partner_adapters.deliveries WHERE referral_id = $1 AND position = $2",
            of.referral_id,
            position,
        )

    async def referral(self, of: ReferralIssuedV1) -> dict[str, Any]:
        return await self.row(
            "SELECT * FROM partner_adapters.referrals WHERE referral_id = $1", of.referral_id
        )

    async def said(self, of: ReferralIssuedV1) -> list[str]:
        """The types of the events of a referral, in the order they will be published."""
        rows = await self.database.fetch(
            "SELECT headers->>'ce_type' AS type FROM partner_adapters.outbox "
            "WHERE convert_from(value, 'UTF8')::jsonb->>'referral_id' = $1 ORDER BY id",
            str(of.referral_id),
        )
        return [row["type"] for row in rows]
