"""`aiguillage conformance` as a person runs it: what it prints, and its exit code."""

import asyncio
import json
import os
import sys

from tests.integration.partner_adapters.conformance.agencies import (
    agency_under_examination,
    secrets,
)
from tests.integration.partner_adapters.conformance.broken_http import DEFECTS


async def run(*arguments: str) -> tuple[int, str, str]:
    """The exit code, standard output, standard error."""
    ours = {f"AIGUILLAGE_SECRET_{name}": value for name, value in secrets().items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.command_line", "conformance", *arguments),
        env={**os.environ, **ours},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    return process.returncode or 0, said.decode(), complained.decode()


async def test_a_system_that_conforms_ends_with_0() -> None:
    async with agency_under_examination("edf") as bench:
        address = bench.partner.need_address()
        code, said, _ = await run("edf", "--address", address, "--wait", "10", "--json")
    report = json.loads(said)
    failed = [check for check in report["checks"] if check["outcome"] == "failed"]
    assert (code, failed) == (0, [])
    assert report["conforms"] is True
    assert report["passed"] >= 45


async def test_a_defect_ends_with_1_and_is_told_with_the_page_that_says_so() -> None:
    spoil = DEFECTS["lets anybody in"].spoil
    async with agency_under_examination("edf", spoil=spoil) as bench:
        address = bench.partner.need_address()
        code, said, _ = await run("edf", "--address", address, "--only", "42", "--only", "1")
    assert code == 1
    assert "1 passed, 1 failed, 0 skipped" in said
    assert "401 or 403" in said
    assert "docs/partners/README.md#refuser-clairement--refusing-clearly" in said


async def test_what_cannot_be_tried_ends_with_2() -> None:
    code, _, complained = await run("edf", "--address", "http://127.0.0.1:9")
    assert (code, "nothing answers there" in complained) == (2, True)
    code, _, complained = await run("nobody", "--address", "http://127.0.0.1:9")
    assert (code, "There is no partner" in complained) == (2, True)
    code, _, _ = await run()
    assert code == 2


async def test_the_list_has_one_check_a_line_and_its_number_first() -> None:
    code, said, _ = await run("--list")
    lines = said.splitlines()
    assert code == 0
    assert len(lines) >= 40
    numbers = [int(line.split()[0]) for line in lines]
    assert numbers == sorted(set(numbers))


async def test_the_list_of_a_partner_says_what_is_skipped_and_why() -> None:
    code, said, _ = await run("edf", "--list")
    assert code == 0
    assert "(skipped: it does not call back)" in said
