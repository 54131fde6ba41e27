"""docs/partners/sftp.md: its examples are what we write, and what we read."""

import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from services.partner_adapters.adapters.sftp import LONGEST_RETURNED
from services.partner_adapters.partner_adapter import Delivery
from services.partner_adapters.read_partner_files import load_partner_files
from services.partner_adapters.registry import ADAPTERS
from services.partner_adapters.sftp.batch_file import COLUMNS, BatchFile, make_batch
from services.partner_adapters.sftp.folders import Folders
from services.partner_adapters.sftp.returned_file import NEEDED, OPTIONAL, read_page
from services.partner_simulators.agencies import SFTP_AGENCY_FIELDS
from services.partner_simulators.referral_form import (
    wrong_in_answer,
    wrong_in_referral,
    wrong_in_withdrawal,
)
from services.partner_simulators.sftp_files import Line, read_batch

PAGE = (Path(__file__).parents[3] / "docs" / "partners" / "sftp.md").read_text("utf-8")
BATCH, ACKNOWLEDGEMENT, STATUSES = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
NAME = re.search(r"depot/(aiguillage-(\S+)\.csv)$", PAGE, re.M)


def handed_over(line: Line) -> Delivery:
    return Delivery(
        delivery_id=UUID(line.id),
        case_id=UUID(line.id),
        referral_id=UUID(line.referral_id),
        what=line.what,
        body=line.form,
    )


def documented_batch() -> tuple[list[Line], BatchFile]:
    lines = read_batch(BATCH.encode(), partner_id="laposte")
    assert NAME is not None
    return lines, make_batch(UUID(NAME[2]), [handed_over(line) for line in lines])


def test_the_batch_is_what_we_write_with_its_name_and_its_manifest() -> None:
    _, batch = documented_batch()
    assert NAME is not None
    assert (batch.name, batch.content.decode().replace("\r\n", "\n")) == (NAME[1], BATCH)
    assert f"```text\n{batch.manifest.decode()}```" in PAGE


def test_an_agency_that_reads_it_finds_nothing_wrong() -> None:
    lines, _ = documented_batch()
    checks = {
        "referral": lambda form: wrong_in_referral(
            form, partner_id="laposte", visitor_fields=SFTP_AGENCY_FIELDS
        ),
        "answer": wrong_in_answer,
        "withdrawal": wrong_in_withdrawal,
    }
    assert [line.what for line in lines] == [*checks]
    assert [checks[line.what](line.form) for line in lines] == [[], [], []]
    assert lines[0].form["text"].startswith("- colis")
    assert lines[0].form["visitor"]["phone"] == "+33 6 00 00 00 00"


def test_the_answers_are_understood() -> None:
    partner = load_partner_files(kinds=ADAPTERS)["laposte"]
    for example, count in ((ACKNOWLEDGEMENT, 2), (STATUSES, 2)):
        page = read_page("a.csv", example.encode())
        assert (len(page.statuses), page.unreadable) == (count, [])
        assert {status.word for status in page.statuses} <= {*partner.statuses}
    taken, refused = read_page("a.csv", ACKNOWLEDGEMENT.encode()).statuses
    assert (taken.partner_reference, taken.message) == ("LAPOSTE-2026-000123", None)
    assert refused.reason_word in partner.refusal_reasons


def test_columns_folders_and_limits_are_those_of_the_code() -> None:
    for column in {*COLUMNS[:4], "urgent", "text", "identifier", *NEEDED, *OPTIONAL}:
        assert f"`{column}`" in PAGE, column
    partner = load_partner_files(kinds=ADAPTERS)["laposte"]
    folders = partner.settings_of(Folders)
    for folder in (folders.inbox, folders.done, folders.returns, folders.archive):
        assert f"| `{folder}` |" in PAGE
    assert folders.patience == timedelta(hours=1)
    assert "plus d’une heure" in PAGE
    assert f"{LONGEST_RETURNED // 2**20} Mio" in PAGE
    assert (partner.limits.every_seconds, partner.limits.batch) == (300, 100)
