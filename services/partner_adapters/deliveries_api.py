"""Operations on deliveries and referrals, by API: what is stuck, a whole life, what to do."""

from collections import defaultdict
from typing import Annotated, Literal
from uuid import UUID

from fastapi import FastAPI, Query
from pydantic import AwareDatetime

from services.partner_adapters.decide_uncertain_delivery import (
    UncertainDecision,
    decide_uncertain_delivery,
)
from services.partner_adapters.door_parts import DoorParts, Parts
from services.partner_adapters.operations_answers import (
    Action,
    AttemptShown,
    DecisionAsked,
    DeliveriesPage,
    DeliveryListed,
    DeliveryShown,
    Reason,
    ReferralShown,
    StatusShown,
)
from services.partner_adapters.operations_store import Filter, list_deliveries
from services.partner_adapters.page_place import Place, read_place
from services.partner_adapters.retry_delivery import retry_delivery
from services.partner_adapters.show_referral import ReferralLife, show_referral
from shared.plumbing.access import Principal
from shared.plumbing.http_door import allow, documented_problem

Operator = Annotated[Principal, allow("operations")]


def add_delivery_routes(app: FastAPI) -> None:
    """Add the routes under /api/v1/deliveries and /api/v1/referrals."""

    @app.get(
        "/api/v1/deliveries",
        dependencies=[allow("operations")],
        summary="A partner's deliveries that are not finished, the longest stuck first",
    )
    async def list_unfinished(
        *,
        parts: Parts,
        partner: Annotated[str, Query(max_length=100)],
        state: Literal["parked", "uncertain", "due"] = "parked",
        reason: Reason | None = None,
        before: AwareDatetime | None = None,
        after: Annotated[str | None, Query(max_length=100)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> DeliveriesPage:
        parts.partner(partner)
        rows = await list_deliveries(
            parts.database,
            Filter(partner, state, reason=reason, before=before),
            after=read_place(after),
            limit=limit + 1,
        )
        page = rows[:limit]
        last = page[-1] if len(rows) > limit else None
        return DeliveriesPage(
            deliveries=[DeliveryListed(**dict(row), attempts=row["epoch"]) for row in page],
            cursor=Place(last["since"], last["delivery_id"]).written() if last else None,
        )

    @app.post(
        "/api/v1/deliveries/{delivery_id}/retry",
        summary="Try a delivery that waits, or is parked, now",
        responses={409: documented_problem("Finished, being sent, or to be decided first")},
    )
    async def retry(delivery_id: UUID, parts: Parts, principal: Operator) -> ReferralShown:
        async with parts.database.transaction() as tx:
            referral_id = await retry_delivery(
                tx,
                delivery_id,
                rules={
                    each.file.id: each.file.delivery_rules() for each in parts.partners.values()
                },
                account=principal.account,
                outbox=parts.outbox,
                clock=parts.clock,
            )
        return await _life(referral_id, parts, principal, opened=False)

    @app.post(
        "/api/v1/deliveries/{delivery_id}/decision",
        summary="Say whether the agency received an uncertain delivery",
        responses={409: documented_problem("It is uncertain no more")},
    )
    async def decide(
        delivery_id: UUID, asked: DecisionAsked, parts: Parts, principal: Operator
    ) -> ReferralShown:
        async with parts.database.transaction() as tx:
            referral_id = await decide_uncertain_delivery(
                tx,
                delivery_id,
                UncertainDecision(asked.was_received, asked.partner_reference),
                account=principal.account,
                outbox=parts.outbox,
                clock=parts.clock,
            )
        return await _life(referral_id, parts, principal, opened=False)

    @app.get(
        "/api/v1/referrals/{referral_id}",
        summary="A referral's whole life; opening what the agency wrote is noted with your name",
    )
    async def show(
        referral_id: UUID, parts: Parts, principal: Operator, opened: bool = False
    ) -> ReferralShown:
        return await _life(referral_id, parts, principal, opened=opened)


async def _life(
    referral_id: UUID, parts: DoorParts, principal: Principal, *, opened: bool
) -> ReferralShown:
    async with parts.database.transaction() as tx:
        life = await show_referral(
            tx,
            referral_id,
            opened=opened,
            account=principal.account,
            sealer=parts.sealer,
            clock=parts.clock,
        )
    return _shown(life, opened=opened)


def _shown(life: ReferralLife, *, opened: bool) -> ReferralShown:
    attempts: dict[UUID, list[AttemptShown]] = defaultdict(list)
    for row in life.attempts:
        answer = life.answers.get((row["delivery_id"], row["epoch"]))
        attempts[row["delivery_id"]].append(
            AttemptShown(**{**dict(row), "attempt": row["epoch"], "answer": answer})
        )
    statuses = []
    for row in life.statuses:
        said = life.words.get(row["status_id"])
        word = said.partner_word if said else row["word"]
        message = said.text or None if said else None
        statuses.append(StatusShown(**{**dict(row), "word": word, "message": message}))
    return ReferralShown(
        **dict(life.referral),
        opened=opened,
        deliveries=[
            DeliveryShown(**dict(row), attempts=attempts[row["delivery_id"]])
            for row in life.deliveries
        ],
        statuses=statuses,
        actions=[Action(**dict(row)) for row in life.actions],
    )
