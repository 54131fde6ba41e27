"""The two vocabularies: what the agency does, what we do."""

from itertools import product

from shared.contracts.delivery_state import MAY_BECOME, DeliveryState, is_finished, may_become
from shared.contracts.referral_status import MAY_FOLLOW, ReferralStatus, is_final, may_follow

S, D = ReferralStatus, DeliveryState


def test_every_status_and_state_has_its_row() -> None:
    assert set(MAY_FOLLOW) == set(S)
    assert set(MAY_BECOME) == set(D)


def test_only_in_progress_and_needs_information_go_both_ways() -> None:
    both_ways = {
        frozenset((a, b)) for a, b in product(S, S) if may_follow(a, b) and may_follow(b, a)
    }
    assert both_ways == {frozenset((S.IN_PROGRESS, S.NEEDS_INFORMATION))}


def test_nothing_returns_to_issued_or_delivered_and_nothing_follows_itself() -> None:
    assert not any(may_follow(status, S.ISSUED) for status in S)
    assert [status for status in S if may_follow(status, S.DELIVERED)] == [S.ISSUED]
    assert not any(may_follow(status, status) for status in S)


def test_final_statuses_are_the_four_ends() -> None:
    assert {s for s in S if is_final(s)} == {S.RESOLVED, S.REFUSED, S.WITHDRAWN, S.EXPIRED}


def test_delivered_and_cancelled_are_final_and_the_uncertain_is_never_simply_sent_again() -> None:
    assert {d for d in D if is_finished(d)} == {D.DELIVERED, D.CANCELLED}
    assert not may_become(D.UNCERTAIN, D.SENDING)
    assert not may_become(D.PARKED, D.SENDING)
