"""What the agency is doing with a referral, as one readable table.

    issued → delivered → acknowledged → in_progress ⇄ needs_information
                                      → resolved | refused | withdrawn | expired

Agencies skip steps (some never acknowledge), so every later step may follow every
earlier one; only `in_progress ⇄ needs_information` goes both ways. What is final stays.
"""

from enum import StrEnum


class ReferralStatus(StrEnum):
    ISSUED = "issued"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "in_progress"
    NEEDS_INFORMATION = "needs_information"
    RESOLVED = "resolved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class RefusalReason(StrEnum):
    NOT_COMPETENT = "not_competent"
    OUTSIDE_AREA = "outside_area"
    DUPLICATE = "duplicate"
    INCOMPLETE = "incomplete"
    OTHER = "other"


_S = ReferralStatus
_FINAL = frozenset({_S.RESOLVED, _S.REFUSED, _S.WITHDRAWN, _S.EXPIRED})

MAY_FOLLOW: dict[ReferralStatus, frozenset[ReferralStatus]] = {
    _S.ISSUED: frozenset({_S.DELIVERED, _S.ACKNOWLEDGED, _S.IN_PROGRESS, _S.NEEDS_INFORMATION})
    | _FINAL,
    _S.DELIVERED: frozenset({_S.ACKNOWLEDGED, _S.IN_PROGRESS, _S.NEEDS_INFORMATION}) | _FINAL,
    _S.ACKNOWLEDGED: frozenset({_S.IN_PROGRESS, _S.NEEDS_INFORMATION}) | _FINAL,
    _S.IN_PROGRESS: frozenset({_S.NEEDS_INFORMATION}) | _FINAL,
    _S.NEEDS_INFORMATION: frozenset({_S.IN_PROGRESS}) | _FINAL,
    _S.RESOLVED: frozenset(),
    _S.REFUSED: frozenset(),
    _S.WITHDRAWN: frozenset(),
    _S.EXPIRED: frozenset(),
}

SENT_BACK_TO_TRIAGE = frozenset({RefusalReason.NOT_COMPETENT, RefusalReason.OUTSIDE_AREA})


def may_follow(current: ReferralStatus, following: ReferralStatus) -> bool:
    """Tell whether a referral in `current` may move to `following`; never backwards."""
    return following in MAY_FOLLOW[current]


def is_final(status: ReferralStatus) -> bool:
    """Tell whether nothing can follow this status."""
    return not MAY_FOLLOW[status]
