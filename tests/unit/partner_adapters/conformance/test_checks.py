"""The table of checks: numbers, names, and the pages that say what is expected."""

import re
from pathlib import Path

import pytest

from services.partner_adapters.conformance.checks import CHECKS, GROUPS
from services.partner_adapters.read_partner_files import load_partner_files
from services.partner_adapters.registry import ADAPTERS
from tests.unit.test_documents import anchors

PAGES = Path(__file__).parents[4] / "docs" / "partners"
FILES = load_partner_files(kinds=ADAPTERS)
APPLICABLE = {
    "rest": 25, "webhook": 25, "soap": 25, "sftp": 25, "email": 20, "kafka_queue": 25, "portal": 25,
}  # fmt: skip


def test_there_are_at_least_forty_each_with_its_own_number_and_name() -> None:
    assert len(CHECKS) >= 40
    assert len({check.number for check in CHECKS}) == len(CHECKS)
    assert len({(check.needs, check.name) for check in CHECKS}) == len(CHECKS)
    assert [check.number for check in CHECKS] == sorted(check.number for check in CHECKS)


def test_each_group_keeps_to_its_numbers() -> None:
    """As docs/partners/conformance.md says: the last group begins at 201."""
    page = (PAGES / "conformance.md").read_text("utf-8")
    ranges = [(int(a), int(b)) for a, b in re.findall(r"^\| (\d+)–(\d+) \|", page, re.M)]
    assert len(ranges) == len(GROUPS)
    for (first, last), group in zip(ranges, GROUPS.values(), strict=True):
        assert all(first <= check.number <= last for check in group)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.number))
def test_a_page_says_what_a_check_expects(check) -> None:
    page, _, anchor = check.passage.partition("#")
    assert anchor in anchors((PAGES / page).read_text("utf-8"))


@pytest.mark.parametrize("partner_id", FILES)
def test_enough_of_them_apply_to_every_partner(partner_id: str) -> None:
    file = FILES[partner_id]
    applied = [check for check in CHECKS if check.why_not(file) is None]
    assert len(applied) >= APPLICABLE[file.kind]


def test_every_kind_has_checks() -> None:
    assert set(APPLICABLE) == set(ADAPTERS)
