"""The fault panel."""

import pytest

from services.partner_simulators.faults import STATUS_FAULTS, Fault, FaultPanel


def test_a_fault_without_count_stays_until_healed() -> None:
    panel = FaultPanel()
    panel.set(Fault("500"))
    assert [panel.take(counts=True) for _ in range(3)] == [Fault("500")] * 3
    panel.set(None)
    assert panel.take(counts=True) is None


def test_a_counted_fault_meets_the_next_requests_that_count_only() -> None:
    panel = FaultPanel()
    panel.set(Fault("500"), count=2)
    met = [panel.take(counts=counts) for counts in (True, False, True, True)]
    assert met == [Fault("500"), None, Fault("500"), None]


@pytest.mark.parametrize("fault", sorted(STATUS_FAULTS))
def test_what_is_wrong_with_statuses_no_request_meets(fault: str) -> None:
    panel = FaultPanel()
    panel.set(Fault(fault))
    assert panel.take(counts=True) is None
    assert panel.current == Fault(fault)
