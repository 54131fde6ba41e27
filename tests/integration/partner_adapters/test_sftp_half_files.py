"""A file of the agency's that never becomes whole: told once to a person, and no more."""

import os
from datetime import timedelta
from uuid import uuid4

import pytest

from services.partner_adapters.collect_statuses import collect_statuses
from tests.integration.partner_adapters.house import House
from tests.integration.partner_adapters.sftp_agency import Agency, adapter_to, running_agency

HEADER = b"referral_id;status;at;reason;message;reference\r\n"
HALVES = {
    "no manifest": "it has no manifest",
    "another sum": "its manifest does not match it",
    "no file": "a manifest without its file",
}


@pytest.fixture
async def agency(house: House):
    async with running_agency() as agency:
        agency.adapter = adapter_to(agency.address, clock=house.clock)
        yield agency


def line(referral_id, word="EN_ENQUETE"):
    return f"{referral_id};{word};2026-11-23T11:00:00Z;;;\r\n".encode()


def half_written(agency: Agency, house: House, half: str, name: str = "a.csv") -> bytes:
    """Leaves half of a file of the agency's; returns what the whole would have been."""
    content = HEADER + line(uuid4())
    agency.returns(name, content)
    if half == "no manifest":
        agency.folder(f"retour/{name}.sha256").unlink()
    elif half == "another sum":
        agency.folder(f"retour/{name}").write_bytes(content[:-20])
    else:
        agency.folder(f"retour/{name}").unlink()
    touch(agency, house)
    return content


def touch(agency: Agency, house: House) -> None:
    """As if the agency had written all that now, by the clock of the tests."""
    for path in agency.folder("retour").glob("*.csv*"):
        os.utime(path, (house.clock.now().timestamp(),) * 2)


async def collect(house: House, agency: Agency) -> int:
    return await collect_statuses(
        house.database,
        partner_id="laposte",
        adapter=agency.adapter,
        record=house.record_statuses,
        sealer=house.sealer,
        clock=house.clock,
    )


async def told(house: House) -> list[str]:
    rows = await house.database.fetch("SELECT error FROM partner_adapters.dead_letters ORDER BY id")
    return [row["error"] for row in rows]


@pytest.mark.parametrize("half", HALVES)
async def test_a_half_file_waits_an_hour_and_is_then_told_once_with_its_reason(
    house: House, agency: Agency, half: str
):
    half_written(agency, house, half)
    house.clock.move(timedelta(minutes=59))
    assert await collect(house, agency) == 0
    assert await told(house) == []
    house.clock.move(timedelta(minutes=2))
    assert await collect(house, agency) == 1
    [error] = await told(house)
    assert error.startswith("a half file, as it is since 2026-")
    assert error.endswith(HALVES[half])
    # It does not spin, and another process knows of it too.
    assert await collect(house, agency) == 0
    agency.adapter = adapter_to(agency.address, clock=house.clock)
    assert await collect(house, agency) == 0
    assert await told(house) == [error]


@pytest.mark.parametrize("half", HALVES)
async def test_it_is_read_as_any_other_once_it_is_whole_after_all(
    house: House, agency: Agency, half: str
):
    content = half_written(agency, house, half)
    house.clock.move(timedelta(hours=2))
    assert await collect(house, agency) == 1
    agency.returns("a.csv", content)
    touch(agency, house)
    assert await collect(house, agency) == 1
    assert await collect(house, agency) == 0
    assert agency.names("retour") == []
    assert agency.names("retour/lus") == ["a.csv", "a.csv.sha256"]
    assert len(await told(house)) == 1


async def test_the_same_half_file_written_once_more_is_not_told_twice(house: House, agency: Agency):
    half_written(agency, house, "another sum")
    house.clock.move(timedelta(hours=2))
    await collect(house, agency)
    touch(agency, house)
    house.clock.move(timedelta(hours=2))
    await collect(house, agency)
    assert len(await told(house)) == 1


async def test_half_files_hold_up_no_whole_one_and_each_is_told(house: House, agency: Agency):
    for name in ("a.csv", "b.csv", "d.csv"):
        half_written(agency, house, "another sum", name)
    house.clock.move(timedelta(hours=2))
    agency.returns("c.csv", HEADER + line(uuid4()))
    assert await collect(house, agency) == 1
    assert await told(house) == []
    assert await collect(house, agency) == 3
    assert await collect(house, agency) == 0
    assert len(await told(house)) == 3


async def test_what_was_told_is_forgotten_when_it_is_gone(house: House, agency: Agency):
    half_written(agency, house, "no manifest")
    house.clock.move(timedelta(hours=2))
    await collect(house, agency)
    agency.folder("retour/a.csv").unlink()
    assert await collect(house, agency) == 0
    cursor = await house.database.fetchval(
        "SELECT cursor FROM partner_adapters.partners WHERE partner_id = 'laposte'"
    )
    assert cursor is None
