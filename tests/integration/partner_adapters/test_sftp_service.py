"""Files and PostgreSQL together: no crash between the two loses or repeats anything."""

from datetime import timedelta
from uuid import uuid4

import pytest

from services.partner_adapters.collect_statuses import collect_statuses
from tests.integration.partner_adapters.house import House
from tests.integration.partner_adapters.running_loops import (
    count_in,
    counted,
    recorded,
    serving,
    until,
)
from tests.integration.partner_adapters.sftp_agency import Agency, adapter_to, running_agency

HEADER = b"referral_id;status;at;reason;message;reference\r\n"
DELIVERED = "referral.delivered.v1"
ACKNOWLEDGED = [DELIVERED, "referral.status_changed.v1"]
ACKNOWLEDGED_WITH_REFERENCE = [DELIVERED, "referral.reference_given.v1", ACKNOWLEDGED[1]]


@pytest.fixture
async def agency():
    async with running_agency() as agency:
        yield agency


def line(referral_id, word, reference=""):
    return f"{referral_id};{word};2026-11-23T11:00:00Z;;;{reference}\r\n".encode()


async def collect(house: House, agency: Agency, record=None) -> int:
    return await collect_statuses(
        house.database,
        partner_id="laposte",
        adapter=agency.adapter,
        record=record or house.record_statuses,
        sealer=house.sealer,
        clock=house.clock,
    )


async def delivered(house: House):
    event = await house.issue("laposte")
    [claimed] = await house.claim("laposte")
    await house.record(claimed)
    return event


async def test_what_is_due_goes_out_as_one_batch_and_is_acknowledged(house: House, agency: Agency):
    events = [await house.issue("laposte") for _ in range(7)]
    async with serving(house, laposte=agency.adapter):
        await until(counted(house, "delivered", 7, "laposte"))
    assert len(agency.names("depot")) == 2
    agency.work()
    while await collect(house, agency):
        pass
    for event in events:
        assert await house.said(event) == ACKNOWLEDGED_WITH_REFERENCE
        referral = await house.referral(event)
        assert referral["status"] == "acknowledged"
        assert referral["partner_reference"].startswith("LAPOSTE-")


async def test_a_batch_cut_after_it_was_taken_is_looked_up_and_filed_once(
    house: House, agency: Agency
):
    for _ in range(5):
        await house.issue("laposte")
    await agency.meets("cut_after_accept")
    async with serving(house, laposte=agency.adapter):
        await until(recorded(house, 5))
        await agency.meets(None)
        agency.work()
        house.clock.move(timedelta(hours=1))
        await until(counted(house, "delivered", 5, "laposte"))
    entries = list(agency.simulator.office.ledger.entries())
    assert [(entry["what"], entry["times"]) for entry in entries] == [("referral", 1)] * 5


async def test_a_batch_cut_before_its_manifest_goes_out_again_under_another_name(
    house: House, agency: Agency
):
    for _ in range(5):
        await house.issue("laposte")
    await agency.meets("cut_before_accept")
    async with serving(house, laposte=agency.adapter):
        await until(recorded(house, 5))
        agency.work()
        await agency.meets(None)
        house.clock.move(timedelta(hours=1))
        await until(recorded(house, 10))
        house.clock.move(timedelta(hours=1))
        await until(counted(house, "delivered", 5, "laposte"))
    agency.work()
    entries = list(agency.simulator.office.ledger.entries())
    assert [entry["times"] for entry in entries] == [1] * 5
    assert agency.names("depot") == []


async def test_a_full_disk_holds_back_what_is_due_and_loses_nothing(house: House, agency: Agency):
    for _ in range(3):
        await house.issue("laposte")
    await agency.meets("disk_full")
    async with serving(house, laposte=agency.adapter):
        await until(recorded(house, 3))
        assert await count_in(house, "due", "laposte")() == 3
        await agency.meets(None)
        house.clock.move(timedelta(hours=1))
        await until(counted(house, "delivered", 3, "laposte"))


async def test_a_crash_between_reading_and_recording_loses_and_repeats_nothing(
    house: House, agency: Agency
):
    event = await delivered(house)
    agency.returns("statuts-1.csv", HEADER + line(event.referral_id, "PRISE_EN_COMPTE", "LP-1"))

    async def record_and_die(tx, said):
        await house.record_statuses(tx, said)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        await collect(house, agency, record_and_die)
    assert await house.said(event) == ACKNOWLEDGED[:1]
    assert await collect(house, agency) == 1
    # Recorded, and killed before the file was archived: another process goes on.
    agency.adapter = adapter_to(agency.address)
    assert await collect(house, agency) == 0
    assert agency.names("retour") == []
    assert await house.said(event) == ACKNOWLEDGED_WITH_REFERENCE


async def test_a_file_that_comes_again_changes_nothing(house: House, agency: Agency):
    event = await delivered(house)
    content = HEADER + line(event.referral_id, "PRISE_EN_COMPTE")
    for name in ("a.csv", "a.csv", "b.csv"):
        agency.returns(name, content)
        while await collect(house, agency):
            pass
    assert await house.said(event) == ACKNOWLEDGED


async def test_a_foreign_referral_and_garbage_are_kept_and_disturb_nobody(
    house: House, agency: Agency
):
    event, others = await delivered(house), await house.issue("edf")
    content = HEADER + b"\x00\xff\xfe{]garbage\r\n"
    for referral_id in (others.referral_id, uuid4(), event.referral_id):
        content += line(referral_id, "PRISE_EN_COMPTE")
    agency.returns("a.csv", content)
    assert await collect(house, agency) == 4
    assert await house.said(event) == ACKNOWLEDGED
    assert await house.said(others) == []
    assert await house.database.fetchval("SELECT count(*) FROM partner_adapters.dead_letters") == 1
