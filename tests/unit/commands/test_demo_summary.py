"""The demonstration's count: what intake says was sent against what agencies hold."""

from typing import Any

import pytest

from services.commands.demo_summary import Receipt, Spread, is_settled, spread, summarise

CASE = "11111111-1111-1111-1111-111111111111"
REFERRAL = "22222222-2222-2222-2222-222222222222"


def case(*, status: str = "with_agencies", referral_status: str = "resolved", **more: Any) -> Any:
    return {
        "case_id": CASE,
        "status": status,
        "received_at": "2026-11-23T10:00:00+00:00",
        "referrals": [
            {"referral_id": REFERRAL, "partner_id": "caf", "status": referral_status, **more}
        ],
        "timeline": [
            {
                "kind": "referral.delivered",
                "at": "2026-11-23T10:00:00.250000+00:00",
                "recorded_at": "2026-11-23T10:00:00.300000+00:00",
                "facts": {},
            },
            {
                "kind": "referral.status_changed",
                "at": "2026-11-23T09:00:00+00:00",
                "recorded_at": "2026-11-23T10:00:02.100000+00:00",
                "facts": {"received_at": "2026-11-23T10:00:02+00:00"},
            },
        ],
    }


def ledger(*referral_ids: str, duplicates: int = 0) -> Any:
    return {
        "entries": [{"what": "referral", "referral_id": each} for each in referral_ids],
        "duplicates": duplicates,
    }


def counted(
    cases: list[Any], ledgers: dict[str, Any], receipts: list[Receipt] | None = None
) -> Any:
    receipts = [Receipt((CASE,))] if receipts is None else receipts
    return summarise(requests=1, receipts=receipts, cases=cases, ledgers=ledgers)


def test_a_request_that_reached_its_agency_once_and_was_answered_is_well() -> None:
    summary = counted([case()], {"caf": ledger(REFERRAL)})
    assert summary.ok
    assert (summary.lost, summary.duplicates, summary.unsettled) == (0, 0, 0)
    assert summary.partners["caf"].delivered == 1


def test_what_intake_says_was_sent_and_no_agency_holds_is_lost() -> None:
    summary = counted([case()], {"caf": ledger()})
    assert (summary.lost, summary.ok) == (1, False)


def test_what_another_agency_holds_is_lost_all_the_same() -> None:
    assert counted([case()], {"caf": ledger(), "cpam": ledger(REFERRAL)}).lost == 1


def test_an_accepted_request_without_a_case_is_lost() -> None:
    assert counted([], {}).lost == 1


def test_a_file_opened_twice_at_an_agency_is_a_duplicate() -> None:
    summary = counted([case()], {"caf": ledger(REFERRAL, duplicates=1)})
    assert (summary.duplicates, summary.ok) == (1, False)


def test_the_same_request_posted_twice_with_two_cases_is_a_duplicate() -> None:
    other = {**case(), "case_id": "33333333-3333-3333-3333-333333333333", "referrals": []}
    receipts = [Receipt((CASE, other["case_id"]))]
    summary = counted([case(), other], {"caf": ledger(REFERRAL)}, receipts)
    assert summary.duplicates == 2
    assert not summary.ok


def test_a_referral_at_an_agency_that_intake_never_heard_of_is_a_duplicate() -> None:
    assert counted([case()], {"caf": ledger(REFERRAL, "unheard of")}).duplicates == 1


def test_a_request_that_was_not_accepted_is_not_well() -> None:
    assert not counted([], {}, []).ok


@pytest.mark.parametrize(
    ("status", "referral_status", "settled"),
    [
        ("with_agencies", "issued", False),
        ("with_agencies", "delivered", False),
        ("with_agencies", "acknowledged", True),
        ("answer_needed", "needs_information", True),
        ("in_triage", "refused", True),
        ("received", "acknowledged", False),
    ],
)
def test_a_case_is_settled_once_decided_and_answered(
    status: str, referral_status: str, settled: bool
) -> None:
    assert is_settled(case(status=status, referral_status=referral_status)) is settled


def test_a_referral_that_was_called_back_is_waited_for_no_more() -> None:
    found = case(referral_status="issued", recalled=True)
    assert is_settled(found)
    assert counted([found], {"caf": ledger()}).lost == 0


def test_latencies_are_between_instants_of_the_timeline() -> None:
    summary = counted([case()], {"caf": ledger(REFERRAL)})
    assert summary.acceptance_to_delivery == Spread(1, 0.25, 0.25)
    assert summary.callback_to_timeline == Spread(1, 0.1, 0.1)


def test_percentiles_are_values_that_were_seen() -> None:
    assert spread(range(1, 101)) == Spread(100, 50, 95)
    assert spread([]) == Spread(0, None, None)
