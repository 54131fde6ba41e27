"""Hand claimed deliveries over in one call. No database connection is held meanwhile."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from services.partner_adapters.claim_store import ClaimedDelivery
from services.partner_adapters.handover import answer_body, referral_body, withdrawal_body
from services.partner_adapters.partner_adapter import (
    Delivery,
    LooksUp,
    OutcomeUnknown,
    PartnerAdapter,
    PartnerFailure,
    PartnerNeedsAttention,
    PartnerRefused,
    PartnerUnavailable,
    Receipt,
)
from services.partner_adapters.partner_file import PartnerFile
from services.partner_adapters.record_deliveries import CallEnded
from services.partner_adapters.referral_progress import Outcome
from shared.contracts.personal import RequestContent, WrittenContent
from shared.plumbing.clock import Clock
from shared.plumbing.sealing import CannotOpen, Sealer
from shared.plumbing.tracing import current_trace, span

log = structlog.get_logger()

CANNOT_BE_OPENED = "content_cannot_be_opened"
TOO_LARGE = "too_large"
NEVER_CALLED = frozenset({CANNOT_BE_OPENED, TOO_LARGE})
"""Reasons of what was never sent: its key is not in our ring, or it is over the partner's limit."""


@dataclass(frozen=True)
class _End:
    """How it ended for one delivery; `answer` is what the partner said."""

    outcome: Outcome
    answer: str = ""


async def deliver_referrals(
    claimed: Sequence[ClaimedDelivery],
    *,
    partner: PartnerFile,
    adapter: PartnerAdapter,
    sealer: Sealer,
    clock: Clock,
    timeout: float,
) -> list[CallEnded]:
    """Call the partner once and say how that ended for each; raises nothing but cancellation.

    Those that are only to be looked up come first; the others are handed over together, as one
    batch. What goes wrong holds for all that had not ended before. `timeout` (seconds) bounds
    the whole.
    """
    started_at = clock.now()
    ends: dict[UUID, _End] = {}
    with span("deliver_referrals", trace=claimed[0].trace):
        looked_up: list[Delivery] = []
        handed_over: list[Delivery] = []
        for each in claimed:
            delivery = _delivery(each, partner=partner, sealer=sealer)
            if isinstance(delivery, _End):
                ends[each.delivery_id] = delivery
            else:
                (looked_up if each.only_look_up else handed_over).append(delivery)
        failed = await _call(looked_up, handed_over, ends, adapter=adapter, timeout=timeout)
    duration_ms = int((clock.now() - started_at).total_seconds() * 1000)
    return [
        CallEnded(
            delivery_id=each.delivery_id,
            referral_id=each.referral_id,
            epoch=each.epoch,
            started_at=started_at,
            duration_ms=duration_ms,
            outcome=end.outcome,
            answer=end.answer,
        )
        for each in claimed
        for end in [ends.get(each.delivery_id, failed)]
    ]


async def _call(
    looked_up: Sequence[Delivery],
    handed_over: Sequence[Delivery],
    ends: dict[UUID, _End],
    *,
    adapter: PartnerAdapter,
    timeout: float,
) -> _End:
    """Fill `ends`; returns how it ended for those that are not in it."""
    on_timeout = Outcome(kind="unavailable", reason="look_up_timed_out")
    try:
        async with asyncio.timeout(timeout):
            for delivery in looked_up:
                ends[delivery.delivery_id] = await _look_up(delivery, adapter=adapter)
            if handed_over:
                on_timeout = Outcome(kind="unknown", reason="timed_out")
                receipts = await adapter.deliver(handed_over)
                for delivery, receipt in zip(handed_over, receipts, strict=True):
                    ends[delivery.delivery_id] = _accepted(receipt)
    except PartnerFailure as failure:
        return _End(_outcome_of(failure), failure.answer)
    except TimeoutError:
        log.debug("call_timed_out", count=len(handed_over))
    except Exception as error:
        # An adapter's own fault, at a moment nobody knows: as unknown as a cut line.
        log.exception("adapter_failed", cause=type(error).__name__)
        return _End(Outcome(kind="unknown", reason="adapter_failed"))
    return _End(on_timeout)


async def _look_up(delivery: Delivery, *, adapter: PartnerAdapter) -> _End:
    if not isinstance(adapter, LooksUp):
        raise PartnerNeedsAttention("cannot_be_looked_up")
    try:
        receipt = await adapter.look_up(delivery)
    except OutcomeUnknown as error:
        # Asking changes nothing there: try again later.
        raise PartnerUnavailable(f"look_up_{error.reason}", answer=error.answer) from error
    return _End(Outcome(kind="not_there")) if receipt is None else _accepted(receipt)


def _accepted(receipt: Receipt) -> _End:
    outcome = Outcome(kind="accepted", partner_reference=receipt.partner_reference)
    return _End(outcome, receipt.answer)


def _delivery(claimed: ClaimedDelivery, *, partner: PartnerFile, sealer: Sealer) -> Delivery | _End:
    """What to hand over, or why it cannot be."""
    try:
        body = _body(claimed, partner=partner, sealer=sealer)
    except CannotOpen:
        return _End(Outcome(kind="refused", reason=CANNOT_BE_OPENED))
    if len(json.dumps(body)) > partner.limits.largest_body_bytes:
        return _End(Outcome(kind="refused", reason=TOO_LARGE))
    return Delivery(
        delivery_id=claimed.delivery_id,
        case_id=claimed.case_id,
        referral_id=claimed.referral_id,
        what=claimed.what,
        body=body,
        unit_id=claimed.unit_id,
        trace=current_trace(),
        batch_id=None if claimed.only_look_up else claimed.batch_id,
        earlier_batch_id=claimed.batch_id if claimed.only_look_up else None,
    )


def _body(claimed: ClaimedDelivery, *, partner: PartnerFile, sealer: Sealer) -> Mapping[str, Any]:
    if claimed.what == "referral":
        content = sealer.open(claimed.request_sealed, RequestContent, bound_to=claimed.case_id)
        return referral_body(
            claimed.about,
            content,
            partner_id=partner.id,
            permitted_fields=partner.permitted_fields,
        )
    if claimed.what == "answer":
        written = sealer.open(claimed.answer_sealed or "", WrittenContent, bound_to=claimed.case_id)
        return answer_body(
            answer_id=claimed.delivery_id, content=written, answered_at=claimed.happened_at
        )
    return withdrawal_body(withdrawn_at=claimed.happened_at)


def _outcome_of(failure: PartnerFailure) -> Outcome:
    if isinstance(failure, PartnerUnavailable):
        return Outcome(kind="unavailable", reason=failure.reason, retry_after=failure.retry_after)
    if isinstance(failure, PartnerRefused):
        return Outcome(kind="refused", reason=failure.reason)
    if isinstance(failure, PartnerNeedsAttention):
        return Outcome(kind="needs_attention", reason=failure.reason)
    return Outcome(kind="unknown", reason=failure.reason)
