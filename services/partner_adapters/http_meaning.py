"""What an HTTP answer means, for every kind that talks HTTP.

3xx                  needs attention: a redirect is never followed
401 403              needs attention, after the credentials were renewed once
408 425 429 503      unavailable, with its Retry-After
"""

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from services.partner_adapters.partner_adapter import (
    OutcomeUnknown,
    PartnerNeedsAttention,
    PartnerUnavailable,
)
from services.partner_adapters.partner_http import Answer
from services.partner_adapters.retry_schedule import LONGEST_RETRY_AFTER
from shared.plumbing.clock import Clock

_UNAVAILABLE = frozenset({408, 425, 429, 503})
_UNAUTHORIZED = frozenset({401, 403})


def raise_common(answer: Answer, *, clock: Clock) -> None:
    """Raise for what any call can be answered, whatever it was about."""
    if 300 <= answer.status < 400:
        raise PartnerNeedsAttention("redirect", answer=answer.text)
    if answer.status in _UNAUTHORIZED:
        raise PartnerNeedsAttention("unauthorized", answer=answer.text)
    if answer.status in _UNAVAILABLE:
        raise PartnerUnavailable(
            f"http_{answer.status}",
            answer=answer.text,
            retry_after=_retry_after(answer.headers.get("Retry-After"), now=clock.now()),
        )


def _retry_after(value: str | None, *, now: datetime) -> float | None:
    """Seconds, from either form of Retry-After (RFC 9110, section 10.2.3); a day at most."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return min(float(value), LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(value)
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, wait.total_seconds()), LONGEST_RETRY_AFTER)


def json_object(answer: Answer) -> dict[str, Any]:
    """The object that was answered; raises `OutcomeUnknown` for anything else."""
    try:
        content = json.loads(answer.body) if answer.whole else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise OutcomeUnknown(
            "unreadable_answer" if answer.whole else "answer_too_long", answer=answer.text
        )
    return content
