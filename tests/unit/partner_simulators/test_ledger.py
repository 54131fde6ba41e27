"""What an agency was given stays visible."""

from services.partner_simulators.ledger import Ledger


def record(
    ledger: Ledger, referral_id: str, *, new: bool, body: bytes = b'{"text":"\xc3\xa9"}'
) -> None:
    ledger.record(
        "referral",
        referral_id,
        referral_id=referral_id,
        body=body,
        received_at="2026-11-23T10:00:00Z",
        reference="EDF-2026-000001",
        accepted_as_new=new,
    )


def test_a_second_file_for_a_referral_is_a_duplicate() -> None:
    ledger = Ledger()
    record(ledger, "one", new=True)
    record(ledger, "one", new=True)
    record(ledger, "two", new=True)
    assert ledger.duplicates == 1
    assert [entry["times"] for entry in ledger.entries()] == [2, 1]


def test_a_recognised_repetition_is_presented_twice_and_filed_once() -> None:
    ledger = Ledger()
    record(ledger, "one", new=True)
    record(ledger, "one", new=False)
    (entry,) = ledger.entries()
    assert (entry["times"], entry["presented"], ledger.duplicates) == (1, 2, 0)


def test_bodies_are_given_back_as_they_came() -> None:
    ledger = Ledger()
    for number in range(50):
        record(ledger, str(number), new=True, body=b'{"n":%d}' % number)
    assert [entry["body"] for entry in ledger.entries()] == [{"n": n} for n in range(50)]


def test_a_ledger_without_bodies_leaves_them_out() -> None:
    ledger = Ledger()
    record(ledger, "one", new=True)
    (entry,) = ledger.entries(bodies=False)
    assert "body" not in entry


def test_a_cleared_ledger_starts_again() -> None:
    ledger = Ledger()
    record(ledger, "one", new=True)
    ledger.clear()
    assert list(ledger.entries()) == []
    record(ledger, "one", new=False)
    (entry,) = ledger.entries()
    assert (entry["times"], entry["body"]) == (0, {"text": "é"})
