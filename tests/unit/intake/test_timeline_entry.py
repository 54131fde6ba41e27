from uuid import uuid4

from services.intake.timeline_entry import make_entry
from shared.contracts.referral_status import ReferralStatus
from tests.unit.intake.updates import CASE, message, referral_of, routed, status


def test_a_line_says_what_happened_without_the_words() -> None:
    event_id = uuid4()
    entry = make_entry(message("caf", number=3, sealed="v1.k1.secret"), event_id=event_id)
    assert (entry.event_id, entry.case_id, entry.kind) == (
        event_id,
        CASE,
        "referral.message_received",
    )
    assert (entry.referral_id, entry.partner_id) == (referral_of("caf"), "caf")
    assert entry.sealed == "v1.k1.secret"
    assert "secret" not in str(entry.facts)
    assert entry.facts["number"] == 3


def test_an_agency_s_word_is_placed_by_our_clock_and_keeps_its_own_date() -> None:
    update = status("caf", ReferralStatus.RESOLVED, number=2)
    entry = make_entry(update, event_id=uuid4())
    assert entry.at == update.received_at
    assert entry.facts["at"] == update.at.isoformat().replace("+00:00", "Z")


def test_a_decision_keeps_its_reason_and_what_decided_it() -> None:
    entry = make_entry(routed("caf"), event_id=uuid4())
    assert entry.facts["reason"] == "sure"
    assert entry.facts["needs"][0]["spans"] == [[0, 3]]
