"""`aiguillage conformance`: tries an agency's system in our place, with invented visitors."""

import asyncio
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.commands import where
from services.commands.outcome import ExitCode, WrongUsage
from services.commands.partner_files import read_partner_files
from services.commands.printing import console, print_json, print_rows, tell

if TYPE_CHECKING:
    from services.partner_adapters.conformance.transports import Terms
    from services.partner_adapters.conformance.verdict import Report, Result
    from services.partner_adapters.partner_environment import ConnectedPartner
    from services.partner_adapters.partner_file import PartnerFile

COLUMNS = ("number", "name", "outcome", "came")


def list_checks(partner_id: str | None, *, folder: Path | None, as_json: bool) -> None:
    """Print every check, one a line, number first; of a partner: those skipped, and why."""
    from services.partner_adapters.conformance.checks import CHECKS

    file = _file(partner_id, folder) if partner_id else None
    skipped = {check.number: check.why_not(file) if file else None for check in CHECKS}
    if as_json:
        print_json([_described(check, skipped[check.number]) for check in CHECKS])
        return
    for check in CHECKS:
        reason = skipped[check.number]
        note = f"  (skipped: {reason})" if reason else ""
        _say(f"{check.number:>3}  {check.name}{note}")


def conformance(
    partner_id: str,
    *,
    address: str | None,
    folder: Path | None,
    only: Collection[int],
    wait: float,
    callback_host: str,
    callback_port: int,
    as_json: bool,
) -> ExitCode:
    """Run the checks and print what came of them; raises `WrongUsage` when they cannot run."""
    from services.partner_adapters.conformance.transports import Terms
    from shared.plumbing.clock import SystemClock

    partner = _connected(_file(partner_id, folder), address)
    terms = Terms(
        clock=SystemClock(),
        patience=wait,
        host=callback_host,
        port=callback_port,
        kafka=os.environ.get("AIGUILLAGE_KAFKA"),
        tell=tell,
    )
    report = asyncio.run(_run(partner, terms, only))
    if as_json:
        print_json(report.as_data())
    else:
        _print(report)
    return ExitCode.OK if report.passed else ExitCode.FAILED


async def _run(partner: "ConnectedPartner", terms: "Terms", only: Collection[int]) -> "Report":
    from services.partner_adapters.conformance.run import run_checks
    from services.partner_adapters.conformance.set_up import set_up
    from services.partner_adapters.conformance.verdict import CannotRun

    try:
        async with set_up(partner, terms) as bench:
            return await run_checks(bench, only=only, after_each=_tell_result)
    except CannotRun as error:
        raise WrongUsage(f"{partner.file.id} cannot be examined: {error}.") from error


def _file(partner_id: str, folder: Path | None) -> "PartnerFile":
    files = read_partner_files(folder)
    if partner_id not in files:
        raise WrongUsage(
            f"There is no partner {partner_id!r}.", hint=f"There are: {', '.join(sorted(files))}."
        )
    return files[partner_id]


def _connected(file: "PartnerFile", address: str | None) -> "ConnectedPartner":
    from yarl import URL

    from services.partner_adapters.partner_address import is_loopback
    from services.partner_adapters.partner_environment import (
        ADDRESS,
        SECRET,
        PartnerNotConfigured,
        connect_partners,
    )

    environment: dict[str, str] = {
        **{f"{SECRET}{name}": value for name, value in where.partner_secrets().items()},
        **os.environ,
    }
    if address is not None:
        environment[f"{ADDRESS}{file.id.upper()}"] = address
    # Who names an address of this machine means it.
    on_loopback = _is_set(environment, "AIGUILLAGE_PARTNERS_ON_LOOPBACK") or (
        address is not None and is_loopback(URL(address).host or "")
    )
    try:
        return connect_partners({file.id: file}, environment, on_loopback=on_loopback)[file.id]
    except PartnerNotConfigured as error:
        raise WrongUsage(str(error)) from error


def _is_set(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").lower() in {"1", "true", "yes", "on"}


def _tell_result(result: "Result") -> None:
    if result.outcome != "skipped":
        tell(f"{result.number:>3}  {result.outcome}  {result.name}")


def _print(report: "Report") -> None:
    print_rows(list(_rows(report.results)), columns=COLUMNS, as_json=False)
    for result in report.results:
        if result.outcome == "failed":
            _say(f"{result.number:>3}  {result.name}")
            _say(f"     expected  {result.expected}")
            _say(f"     came      {result.came}")
            _say(f"     see       {result.passage}")
    counts = (f"{report.count(each)} {each}" for each in ("passed", "failed", "skipped"))
    said = "conforms" if report.passed else "does not conform"
    _say(f"{report.partner_id} ({report.kind}) {said}: {', '.join(counts)}.")


def _rows(results: Iterable["Result"]) -> Iterator[dict[str, object]]:
    """One a check; those skipped one after another for one reason are one row."""
    for (outcome, came), group in groupby(results, key=lambda each: (each.outcome, each.came)):
        together = list(group)
        first, last = together[0], together[-1]
        if outcome == "skipped" and len(together) > 1:
            name = f"{len(together)} checks"
            number = f"{first.number}–{last.number}"
            yield {"number": number, "name": name, "outcome": outcome, "came": came}
        else:
            yield from (vars(result) for result in together)


def _say(line: str) -> None:
    console().print(line, markup=False, soft_wrap=True)


def _described(check: Any, skipped: str | None) -> dict[str, object]:
    return {
        "number": check.number,
        "name": check.name,
        "expected": check.expected,
        "passage": f"docs/partners/{check.passage}",
        "skipped": skipped,
    }
