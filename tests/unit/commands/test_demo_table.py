"""What is shown of the demonstration fits where it is shown."""

import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from services.commands.demo import demo
from services.commands.demo_table import cases_table, progress_line
from services.commands.outcome import CommandFailed, ExitCode
from services.commands.resident_memory import resident_memory
from services.commands.show import same_reference


def case(number: int, status: str) -> dict[str, Any]:
    return {
        "case_id": str(number),
        "reference": f"CASE-{number:04d}",
        "channel": "kiosk",
        "status": "with_agencies",
        "urgent": False,
        "danger": None,
        "received_at": f"2026-11-23T10:00:{number:02d}+00:00",
        "referrals": [{"referral_id": "r", "partner_id": "caf", "status": status}],
    }


CASES = [case(n, "resolved" if n < 30 else "issued") for n in range(40)]


def drawn(height: int | None) -> str:
    out = Console(file=StringIO(), width=150)
    out.print(cases_table(CASES, texts={"3": "une demande [entre crochets]"}, height=height))
    assert isinstance(out.file, StringIO)
    return out.file.getvalue()


def test_a_low_terminal_shows_what_is_not_settled_and_counts_the_rest() -> None:
    table = drawn(height=20)
    assert table.count("\n") <= 20
    assert "CASE-0030" in table
    assert "CASE-0002" not in table
    assert "and 28 more" in table


def test_without_a_terminal_every_case_is_shown_with_its_words_as_they_are() -> None:
    table = drawn(height=None)
    assert table.count("CASE-") == 40
    assert "[entre crochets]" in table


def test_a_plain_line_counts_cases_and_statuses() -> None:
    line = progress_line(CASES, wanted=60)
    assert line == "40 of 60 cases, 30 settled; referrals: réglé 30, émis 10"


def test_a_folder_that_was_used_is_not_counted_again(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{}")
    with pytest.raises(CommandFailed) as refused:
        demo(pace=0.5, keep=tmp_path, as_json=True)
    assert refused.value.code is ExitCode.USAGE


def test_a_reference_is_found_however_it_is_typed() -> None:
    assert same_reference("K7M4-QX9T", " k7m4 qx9t")
    assert not same_reference("K7M4-QX9T", "K7M4-QX9S")


def test_memory_is_told_for_a_process_that_runs() -> None:
    found = resident_memory(os.getpid())
    assert found is not None
    assert found > 1_000_000
