"""Runs the checks of one partner, one after another, and says what came of each."""

from collections.abc import Callable, Collection

from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.check import Check
from services.partner_adapters.conformance.checks import CHECKS
from services.partner_adapters.conformance.verdict import (
    CannotRun,
    Failed,
    NotSeen,
    Outcome,
    Report,
    Result,
)
from services.partner_adapters.partner_adapter import PartnerFailure, PartnerUnavailable


async def run_checks(
    bench: Bench,
    *,
    only: Collection[int] = (),
    after_each: Callable[[Result], None] = lambda _: None,
) -> Report:
    """Run those of `only`, or all; raises `CannotRun` when nothing answers there at all."""
    wanted = [check for check in CHECKS if not only or check.number in only]
    await _something_answers(bench)
    results = []
    for check in wanted:
        results.append(await _run(check, bench))
        after_each(results[-1])
    return Report(partner_id=bench.file.id, kind=bench.file.kind, results=tuple(results))


async def _something_answers(bench: Bench) -> None:
    try:
        await bench.hand_over(bench.referral())
    except PartnerUnavailable as failure:
        if failure.reason in _NOBODY_THERE:
            raise CannotRun(f"nothing answers there: {failure.reason}") from failure
    except PartnerFailure:
        return  # it answers, if not as it should: the checks say how


_NOBODY_THERE = frozenset(
    {
        "connection_refused",
        "connect_timed_out",
        "name_not_resolved",
        "token_connection_refused",
        "token_connect_timed_out",
        "token_name_not_resolved",
        "kafka_not_connected",
    }
)


async def _run(check: Check, bench: Bench) -> Result:
    if reason := check.why_not(bench.file):
        return _result(check, "skipped", reason)
    try:
        await check.look(bench)
    except NotSeen as unseen:
        return _result(check, "skipped", str(unseen))
    except Failed as failed:
        return _result(check, "failed", str(failed))
    except PartnerFailure as failure:
        said = f"{type(failure).__name__}: {failure.reason} {failure.answer[:200]}"
        return _result(check, "failed", said.strip())
    return _result(check, "passed", "")


def _result(check: Check, outcome: Outcome, came: str) -> Result:
    return Result(
        number=check.number,
        name=check.name,
        outcome=outcome,
        expected=check.expected,
        came=came,
        passage=f"docs/partners/{check.passage}",
    )
