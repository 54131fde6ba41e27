"""Hand one claimed delivery over to its partner. No database connection is held meanwhile."""

import asyncio

import structlog

from services.partner_adapters.delivery_store import ClaimedDelivery
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
"""The reason of a delivery that was never sent, because its key is not in our ring."""


async def deliver_referral(
    claimed: ClaimedDelivery,
    *,
    partner: PartnerFile,
    adapter: PartnerAdapter,
    sealer: Sealer,
    clock: Clock,
    timeout: float,
) -> CallEnded:
    """Call the partner once and say how that ended; raises nothing but cancellation.

    What may have been sent already is looked up first where the partner's `after_unknown`
    says so. `timeout` (seconds) bounds the whole.
    """
    started_at = clock.now()
    outcome, answer = Outcome(kind="unknown", reason="timed_out"), ""
    try:
        with span("deliver_referral", trace=claimed.trace):
            delivery = _delivery(claimed, partner=partner, sealer=sealer)
            async with asyncio.timeout(timeout):
                receipt = await _hand_over(
                    delivery, adapter=adapter, look_up_first=_must_look_up(claimed, partner)
                )
        outcome = Outcome(kind="accepted", partner_reference=receipt.partner_reference)
        answer = receipt.answer
    except CannotOpen:
        outcome = Outcome(kind="refused", reason=CANNOT_BE_OPENED)
    except PartnerFailure as failure:
        outcome, answer = _outcome_of(failure), failure.answer
    except TimeoutError:
        log.debug("delivery_timed_out", referral_id=str(claimed.referral_id))
    except Exception as error:
        # An adapter's own fault, at a moment nobody knows: as unknown as a cut line.
        log.exception("adapter_failed", partner_id=partner.id, cause=type(error).__name__)
        outcome = Outcome(kind="unknown", reason="adapter_failed")
    return CallEnded(
        delivery_id=claimed.delivery_id,
        referral_id=claimed.referral_id,
        epoch=claimed.epoch,
        started_at=started_at,
        duration_ms=int((clock.now() - started_at).total_seconds() * 1000),
        outcome=outcome,
        answer=answer,
    )


def _must_look_up(claimed: ClaimedDelivery, partner: PartnerFile) -> bool:
    return (
        claimed.may_have_been_sent
        and claimed.what == "referral"
        and partner.after_unknown == "look_up"
    )


async def _hand_over(
    delivery: Delivery, *, adapter: PartnerAdapter, look_up_first: bool
) -> Receipt:
    if look_up_first and isinstance(adapter, LooksUp):
        found = await _look_up(delivery, adapter=adapter)
        if found is not None:
            return found
    [receipt] = await adapter.deliver([delivery])
    return receipt


async def _look_up(delivery: Delivery, *, adapter: LooksUp) -> Receipt | None:
    try:
        return await adapter.look_up(delivery)
    except OutcomeUnknown as error:
        # Asking changes nothing there: try again later.
        raise PartnerUnavailable(f"look_up_{error.reason}", answer=error.answer) from error


def _delivery(claimed: ClaimedDelivery, *, partner: PartnerFile, sealer: Sealer) -> Delivery:
    if claimed.what == "referral":
        content = sealer.open(claimed.request_sealed, RequestContent, bound_to=claimed.case_id)
        body = referral_body(
            claimed.about,
            content,
            partner_id=partner.id,
            permitted_fields=partner.permitted_fields,
        )
    elif claimed.what == "answer":
        written = sealer.open(claimed.answer_sealed or "", WrittenContent, bound_to=claimed.case_id)
        body = answer_body(
            answer_id=claimed.delivery_id, content=written, answered_at=claimed.happened_at
        )
    else:
        body = withdrawal_body(withdrawn_at=claimed.happened_at)
    return Delivery(
        delivery_id=claimed.delivery_id,
        case_id=claimed.case_id,
        referral_id=claimed.referral_id,
        what=claimed.what,
        body=body,
        unit_id=claimed.unit_id,
        trace=current_trace(),
    )


def _outcome_of(failure: PartnerFailure) -> Outcome:
    if isinstance(failure, PartnerUnavailable):
        return Outcome(kind="unavailable", reason=failure.reason, retry_after=failure.retry_after)
    if isinstance(failure, PartnerRefused):
        return Outcome(kind="refused", reason=failure.reason)
    if isinstance(failure, PartnerNeedsAttention):
        return Outcome(kind="needs_attention", reason=failure.reason)
    return Outcome(kind="unknown", reason=failure.reason)
