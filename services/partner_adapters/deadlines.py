"""What time alone does to a referral. PURE, as `referral_progress`."""

from datetime import datetime

from services.partner_adapters.referral_progress import (
    ReferralProgress,
    cancel_waiting,
    move_to,
    next_update,
)
from shared.contracts.delivery_state import DeliveryState
from shared.contracts.events import ReferralOverdueV1, ReferralUpdate
from shared.contracts.referral_status import ReferralStatus


def expire(referral: ReferralProgress, *, now: datetime) -> list[ReferralUpdate]:
    """Wait for it no longer, and send no more of it; a call under way must end first."""
    if any(each.state is DeliveryState.SENDING for each in referral.deliveries):
        return []
    events = move_to(referral, ReferralStatus.EXPIRED, at=now, now=now)
    if events:
        cancel_waiting(referral, now=now)
    return events


def tell_overdue(
    referral: ReferralProgress, *, deadline: datetime, now: datetime
) -> list[ReferralUpdate]:
    """Tell people, once, that the agency has not acknowledged it by the deadline."""
    if referral.status is not ReferralStatus.DELIVERED or referral.overdue_since is not None:
        return []
    referral.overdue_since = now
    return [ReferralOverdueV1(**next_update(referral), at=now, deadline=deadline)]
