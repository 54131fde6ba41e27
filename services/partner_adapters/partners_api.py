"""Operations on partners, by API: how each does, pause, resume, retry, replay, its words."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import FastAPI

from services.partner_adapters.action_store import list_partner_actions
from services.partner_adapters.door_parts import DoorParts, Parts
from services.partner_adapters.map_partner_word import MappedWord, map_partner_word
from services.partner_adapters.opening_hours import reopening
from services.partner_adapters.operations_answers import (
    Action,
    BroughtForward,
    MappedWordListed,
    PartnerCondition,
    PartnerInDetail,
    PartnersPage,
    ReplayAnswer,
    ReplayAsked,
    UnknownWordListed,
    WordAsked,
    WordMapped,
    WordsPage,
)
from services.partner_adapters.operations_store import Filter
from services.partner_adapters.partner_store import (
    find_condition,
    list_call_counts,
    list_conditions,
)
from services.partner_adapters.pause_partner import pause_partner
from services.partner_adapters.replay_parked_deliveries import (
    preview_replay,
    replay_parked_deliveries,
)
from services.partner_adapters.retry_partner import retry_partner
from services.partner_adapters.show_words import show_words
from services.partner_adapters.word_store import list_mapped_words
from shared.plumbing.access import Principal
from shared.plumbing.database import Row
from shared.plumbing.http_door import Problem, allow, documented_problem

Operator = Annotated[Principal, allow("operations")]

_HOUR = timedelta(hours=1)
_ACTIONS_SHOWN = 20


def add_partner_routes(app: FastAPI) -> None:
    """Add the routes under /api/v1/partners."""
    _add_reading_routes(app)
    _add_acting_routes(app)
    _add_word_routes(app)


def _add_reading_routes(app: FastAPI) -> None:
    @app.get(
        "/api/v1/partners",
        dependencies=[allow("operations")],
        summary="How each partner does",
    )
    async def list_partners(parts: Parts) -> PartnersPage:
        rows = await list_conditions(parts.database)
        calls = await _calls(parts)
        return PartnersPage(
            partners=[
                PartnerCondition(**_condition(row, calls, parts))
                for row in rows
                if row["partner_id"] in parts.partners
            ]
        )

    @app.get(
        "/api/v1/partners/{partner_id}",
        dependencies=[allow("operations")],
        summary="One partner, with who did what to it",
    )
    async def show_partner(partner_id: str, parts: Parts) -> PartnerInDetail:
        return await _in_detail(partner_id, parts)


def _add_acting_routes(app: FastAPI) -> None:
    @app.post("/api/v1/partners/{partner_id}/pause", summary="Hold back its deliveries")
    async def pause(partner_id: str, parts: Parts, principal: Operator) -> PartnerInDetail:
        return await _set_paused(partner_id, parts, principal, paused=True)

    @app.post("/api/v1/partners/{partner_id}/resume", summary="Let its deliveries go on")
    async def resume(partner_id: str, parts: Parts, principal: Operator) -> PartnerInDetail:
        return await _set_paused(partner_id, parts, principal, paused=False)

    @app.post("/api/v1/partners/{partner_id}/retry", summary="Try all that waits for it now")
    async def retry(partner_id: str, parts: Parts, principal: Operator) -> BroughtForward:
        partner = parts.partner(partner_id)
        async with parts.database.transaction() as tx:
            count = await retry_partner(
                tx,
                partner_id,
                rules=partner.file.delivery_rules(),
                account=principal.account,
                clock=parts.clock,
            )
        return BroughtForward(deliveries=count)

    @app.post(
        "/api/v1/partners/{partner_id}/replay",
        summary="Let parked deliveries go on; a dry run only counts them",
    )
    async def replay(
        partner_id: str, asked: ReplayAsked, parts: Parts, principal: Operator
    ) -> ReplayAnswer:
        partner = parts.partner(partner_id)
        of = Filter(partner_id, "parked", reason=asked.reason, before=asked.parked_before)
        if asked.dry_run:
            found = await preview_replay(parts.database, of, clock=parts.clock)
        else:
            found = await replay_parked_deliveries(
                parts.database,
                of,
                rules=partner.file.delivery_rules(),
                account=principal.account,
                outbox=parts.outbox,
                clock=parts.clock,
            )
        return ReplayAnswer(
            dry_run=asked.dry_run,
            parked_before=found.parked_before,
            found=sum(found.reasons.values()),
            reasons=found.reasons,
            replayed=found.replayed,
            left=sum(found.reasons.values()) if asked.dry_run else found.left,
        )


def _add_word_routes(app: FastAPI) -> None:
    @app.get(
        "/api/v1/partners/{partner_id}/words",
        summary="Words nobody has mapped yet, and those people mapped",
    )
    async def list_words(partner_id: str, parts: Parts, principal: Operator) -> WordsPage:
        words = parts.partner(partner_id).file.status_words()
        mapped = await list_mapped_words(parts.database, partner_id)
        async with parts.database.transaction() as tx:
            unknown = await show_words(
                tx,
                partner_id,
                file_words=words,
                account=principal.account,
                sealer=parts.sealer,
                clock=parts.clock,
            )
        in_file = {"status": words.statuses, "reason": words.refusal_reasons}
        return WordsPage(
            unknown=[UnknownWordListed(**vars(word)) for word in unknown],
            mapped=[
                MappedWordListed(**dict(row), in_file=row["word"] in in_file[row["kind"]])
                for row in mapped
            ],
        )

    @app.post(
        "/api/v1/partners/{partner_id}/words",
        summary="Say what a word means, and repair all referrals that had it",
        responses={409: documented_problem("The word has another meaning already")},
    )
    async def map_word(
        partner_id: str, asked: WordAsked, parts: Parts, principal: Operator
    ) -> WordMapped:
        repaired = await map_partner_word(
            parts.database,
            MappedWord(partner_id, asked.kind, asked.word, asked.meaning),
            file_words=parts.partner(partner_id).file.status_words(),
            account=principal.account,
            sealer=parts.sealer,
            outbox=parts.outbox,
            clock=parts.clock,
        )
        return WordMapped(**asked.model_dump(), repaired=repaired)


async def _set_paused(
    partner_id: str, parts: DoorParts, principal: Principal, *, paused: bool
) -> PartnerInDetail:
    parts.partner(partner_id)
    async with parts.database.transaction() as tx:
        await pause_partner(
            tx, partner_id, paused=paused, account=principal.account, clock=parts.clock
        )
    return await _in_detail(partner_id, parts)


async def _in_detail(partner_id: str, parts: DoorParts) -> PartnerInDetail:
    partner = parts.partner(partner_id)
    row = await find_condition(parts.database, partner_id)
    if row is None:
        raise Problem(404)
    actions = await list_partner_actions(parts.database, partner_id, limit=_ACTIONS_SHOWN)
    return PartnerInDetail(
        **_condition(row, await _calls(parts), parts),
        address=partner.address,
        after_unknown=partner.file.after_unknown,
        permitted_fields=partner.file.permitted_fields,
        actions=[Action(**dict(action)) for action in actions],
    )


async def _calls(parts: DoorParts) -> dict[str, Row]:
    """Of the last hour, by partner."""
    rows = await list_call_counts(parts.database, since=parts.clock.now() - _HOUR)
    return {row["partner_id"]: row for row in rows}


def _condition(row: Row, calls: dict[str, Row], parts: DoorParts) -> dict[str, Any]:
    file = parts.partners[row["partner_id"]].file
    hours = None if file.hours is None else file.hours.opening_hours()
    called = calls.get(row["partner_id"])
    return {
        **dict(row),
        "name": file.name,
        "kind": file.kind,
        "accepting": file.accepting,
        "paused": row["paused_at"] is not None,
        "opens_at": reopening(hours, parts.clock.now()),
        "delivered_last_hour": called["accepted"] if called else 0,
        "failed_last_hour": called["failed"] if called else 0,
    }
