"""What we are doing to hand one thing over to a partner, as one readable table.

`uncertain`: it may have been accepted and nobody can tell yet.
`parked`: a person must act; the row names the reason and the owner.
"""

from enum import StrEnum


class DeliveryState(StrEnum):
    DUE = "due"
    SENDING = "sending"
    DELIVERED = "delivered"
    UNCERTAIN = "uncertain"
    PARKED = "parked"
    CANCELLED = "cancelled"


_D = DeliveryState

MAY_BECOME: dict[DeliveryState, frozenset[DeliveryState]] = {
    _D.DUE: frozenset({_D.SENDING, _D.PARKED, _D.CANCELLED, _D.DELIVERED}),
    _D.SENDING: frozenset({_D.DUE, _D.DELIVERED, _D.UNCERTAIN, _D.PARKED, _D.CANCELLED}),
    _D.UNCERTAIN: frozenset({_D.DUE, _D.DELIVERED, _D.PARKED, _D.CANCELLED}),
    _D.PARKED: frozenset({_D.DUE, _D.DELIVERED, _D.CANCELLED}),
    _D.DELIVERED: frozenset(),
    _D.CANCELLED: frozenset(),
}


def may_become(current: DeliveryState, following: DeliveryState) -> bool:
    """Tell whether a delivery in `current` may go to `following`."""
    return following in MAY_BECOME[current]


def is_finished(state: DeliveryState) -> bool:
    """Tell whether nothing can follow this state."""
    return not MAY_BECOME[state]
