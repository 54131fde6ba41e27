"""The conformance kit: every simulated agency passes, and every defect is caught."""

import pytest

from services.partner_adapters.conformance.run import run_checks
from tests.integration.partner_adapters.conformance.agencies import (
    SHORT_PATIENCE,
    agency_under_examination,
)
from tests.integration.partner_adapters.conformance.broken_http import DEFECTS as BROKEN_HTTP
from tests.integration.partner_adapters.conformance.broken_http import Defect
from tests.integration.partner_adapters.conformance.broken_statuses import (
    CALLBACK_DEFECTS,
    STATUS_DEFECTS,
    WEBHOOK_DEFECTS,
)

DEFECTS: dict[str, Defect] = {
    **BROKEN_HTTP,
    **STATUS_DEFECTS,
    **CALLBACK_DEFECTS,
    **WEBHOOK_DEFECTS,
}


@pytest.mark.parametrize("partner_id", ["caf", "edf", "engie"])
async def test_the_simulated_agency_conforms(partner_id: str) -> None:
    async with agency_under_examination(partner_id) as bench:
        report = await run_checks(bench)
    failed = [f"{r.number} {r.name}: {r.came}" for r in report.results if r.outcome == "failed"]
    assert failed == []
    assert report.passed


@pytest.mark.parametrize("name", DEFECTS)
async def test_a_defect_is_caught(name: str) -> None:
    defect = DEFECTS[name]
    async with agency_under_examination(
        defect.partner_id, spoil=defect.spoil, timeout=defect.timeout, patience=SHORT_PATIENCE
    ) as bench:
        report = await run_checks(bench, only=defect.caught_by)
    outcomes = {result.number: (result.outcome, result.came) for result in report.results}
    missed = {number: said for number, said in outcomes.items() if said[0] != "failed"}
    assert missed == {}
    assert set(outcomes) == defect.caught_by
    assert all(result.came and result.expected for result in report.results)
