"""The conformance kit: every simulated agency passes, and every defect is caught."""

import pytest

from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.checks import CHECKS
from services.partner_adapters.conformance.kafka_queue import QueueProbe
from services.partner_adapters.conformance.run import run_checks
from tests.infrastructure import KafkaAddresses
from tests.integration.partner_adapters.conformance.agencies import (
    SHORT_PATIENCE,
    agency_under_examination,
)
from tests.integration.partner_adapters.conformance.broken_files_and_mail import (
    MAIL_DEFECTS,
    SFTP_DEFECTS,
)
from tests.integration.partner_adapters.conformance.broken_http import DEFECTS, Defect
from tests.integration.partner_adapters.conformance.broken_queue_and_portal import (
    PORTAL_DEFECTS,
    QUEUE_DEFECTS,
)
from tests.integration.partner_adapters.conformance.broken_soap import SOAP_DEFECTS
from tests.integration.partner_adapters.conformance.broken_statuses import (
    CALLBACK_DEFECTS,
    STATUS_DEFECTS,
    WEBHOOK_DEFECTS,
)

AT_LEAST = {
    "caf": 55,
    "cpam": 40,
    "laposte": 28,
    "sncf": 22,
    "edf": 45,
    "engie": 55,
    "casvp": 30,
    "mairie": 30,
    "accompagnement": 30,
}
"""Checks that must have been made, not skipped."""
JOINING_KAFKA = 12.0
"""Patience: a consumer takes seconds to join its group."""

ALL_DEFECTS: dict[str, Defect] = {
    **DEFECTS,
    **STATUS_DEFECTS,
    **CALLBACK_DEFECTS,
    **WEBHOOK_DEFECTS,
    **PORTAL_DEFECTS,
    **SOAP_DEFECTS,
    **SFTP_DEFECTS,
    **MAIL_DEFECTS,
}


async def conforms(partner_id: str, **how: object) -> None:
    async with agency_under_examination(partner_id, **how) as bench:
        report = await run_checks(bench)
    failed = [f"{r.number} {r.name}: {r.came}" for r in report.results if r.outcome == "failed"]
    assert failed == []
    assert report.passed
    assert report.count("passed") >= AT_LEAST[partner_id]
    assert all(r.came for r in report.results if r.outcome == "skipped")


async def catches(defect: Defect, *, patience: float, **how: object) -> None:
    async with agency_under_examination(
        defect.partner_id, spoil=defect.spoil, timeout=defect.timeout, patience=patience, **how
    ) as bench:
        if how:
            await joined(bench)
        report = await run_checks(bench, only=defect.caught_by)
    outcomes = {result.number: (result.outcome, result.came) for result in report.results}
    assert {number: said for number, said in outcomes.items() if said[0] != "failed"} == {}
    assert set(outcomes) == defect.caught_by
    assert all(result.came and result.expected for result in report.results)


async def joined(bench: Bench) -> None:
    """Wait until the agency reads its topic; from then on nothing takes long."""
    await bench.hand_over(bench.referral())
    assert await bench.wait_until(lambda: bool(bench.probe_as(QueueProbe).replies.read))
    bench.patience = SHORT_PATIENCE


@pytest.mark.parametrize("partner_id", [each for each in AT_LEAST if each != "casvp"])
async def test_the_simulated_agency_conforms(partner_id: str) -> None:
    await conforms(partner_id)


async def test_the_simulated_agency_on_kafka_conforms(kafka_addresses: KafkaAddresses) -> None:
    await conforms("casvp", kafka=kafka_addresses, patience=JOINING_KAFKA)


@pytest.mark.parametrize("name", ALL_DEFECTS)
async def test_a_defect_is_caught(name: str) -> None:
    await catches(ALL_DEFECTS[name], patience=SHORT_PATIENCE)


@pytest.mark.parametrize("name", QUEUE_DEFECTS)
async def test_a_defect_on_kafka_is_caught(name: str, kafka_addresses: KafkaAddresses) -> None:
    await catches(QUEUE_DEFECTS[name], kafka=kafka_addresses, patience=JOINING_KAFKA)


def test_every_check_has_a_defect_that_it_catches() -> None:
    caught = {
        n for each in (*ALL_DEFECTS.values(), *QUEUE_DEFECTS.values()) for n in each.caught_by
    }
    assert [f"{check.number} {check.name}" for check in CHECKS if check.number not in caught] == []
