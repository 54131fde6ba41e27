"""How long a need takes to reach an agency and an answer to come back, at 20 requests a second.

Both ends are seen from outside: the 202 as the sender got it, the agency's own ledger, the
agency's own time on its word, and the site's event stream as a desk would have it open. A
callback's time therefore holds the agency's sending as well. Memory is read after that load.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import aiohttp

from services.commands.demo_run import read_ledgers
from tests.benchmarks.bench_fleet import BenchFleet, Submitted, bench_fleet
from tests.benchmarks.measure import Better, Effort, Measure
from tests.benchmarks.open_loop import Offered, offer
from tests.benchmarks.percentiles import percentiles

PER_SECOND = 20
_READY_GATE = 3.0
_LATENCY_GATE = 1.0
_LATENCY_AIM = 0.3
_MEMORY_GATES = {"intake": 120.0, "router": 200.0, "partner_adapters": 150.0}


async def measure(effort: Effort) -> list[Measure]:
    async with bench_fleet(effort.say) as fleet:
        ready = fleet.fleet.ready_seconds
        await fleet.warm_up()
        heard: dict[tuple[str, str], datetime] = {}
        listening = asyncio.create_task(_listen(fleet, heard))
        try:
            seconds = effort.pick(full=20, quick=5)
            offered = await offer(fleet.submit, per_second=PER_SECOND, seconds=seconds)
            await fleet.until_quiet()
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
        await fleet.refuse_loss([each.answer.case_id for each in offered])
        deliveries = await _acceptance_to_delivery(fleet, offered)
        callbacks = await _callback_to_timeline(
            fleet, heard, [each.answer.case_id for each in offered]
        )
        memory = fleet.resident_mb()
    posts = percentiles(each.seconds for each in offered)
    return [
        _latency("acceptance_to_delivery", deliveries, gate=_LATENCY_GATE, aim=_LATENCY_AIM),
        _latency("callback_to_timeline", callbacks, gate=_LATENCY_GATE, aim=_LATENCY_AIM),
        Measure("intake_post_p95", posts["p95"], "s", "lower", facts=posts),
        *(
            _sized(f"ready_seconds_{service}", ready[service], "s", _READY_GATE)
            for service in _MEMORY_GATES
        ),
        *(
            _sized(f"resident_mb_{service}", memory[service], "MB", gate)
            for service, gate in _MEMORY_GATES.items()
        ),
    ]


async def _listen(fleet: BenchFleet, heard: dict[tuple[str, str], datetime]) -> None:
    """Note when the site's event stream tells each status of each referral."""
    async with fleet.http.get(
        f"{fleet.fleet.running.intake}/api/v1/events",
        headers={"Authorization": f"Bearer {fleet.token}"},
        timeout=aiohttp.ClientTimeout(total=None),
    ) as stream:
        stream.raise_for_status()
        async for line in stream.content:
            if not line.startswith(b"data: "):
                continue
            news = json.loads(line[6:])
            if news["kind"] == "referral.status_changed":
                key = (news["referral_id"], news["facts"]["status"])
                heard.setdefault(key, datetime.now(UTC))


async def _acceptance_to_delivery(
    fleet: BenchFleet, offered: Sequence[Offered[Submitted]]
) -> list[float]:
    """From the 202 in the sender's hands to the agency's ledger; agencies with a system only."""
    accepted = {each.answer.case_id: each.answered_at for each in offered}
    case_of = {
        row["referral_id"]: row["case_id"]
        for row in await fleet.database.fetch(
            "SELECT referral_id, case_id AS bench_probe, case_id FROM intake.case_referrals"
        )
    }
    ledgers = await read_ledgers(fleet.http, simulators_url=fleet.fleet.running.simulators)
    return [
        (datetime.fromisoformat(entry["received_at"]) - accepted[case_id]).total_seconds()
        for partner_id, ledger in ledgers.items()
        if partner_id not in {"mairie", "accompagnement"}
        for entry in ledger["entries"]
        if entry["what"] == "referral"
        and (case_id := case_of.get(UUID(entry["referral_id"]))) in accepted
    ]


async def _callback_to_timeline(
    fleet: BenchFleet, heard: dict[tuple[str, str], datetime], cases: Sequence[UUID]
) -> list[float]:
    """From the moment the agency says its word to the site's event stream; callbacks only."""
    rows: list[Any] = await fleet.database.fetch(
        """
        SELECT t.referral_id, t.at, t.facts ->> 'status' AS status, t.id AS bench_probe
        FROM intake.timeline t
        WHERE t.kind = 'referral.status_changed' AND t.partner_id IN ('caf', 'engie')
          AND t.case_id = ANY($1::uuid[])
        """,
        cases,
    )
    return [
        (heard[str(row["referral_id"]), row["status"]] - row["at"]).total_seconds() for row in rows
    ]


def _latency(name: str, seconds: list[float], *, gate: float, aim: float) -> Measure:
    spread = percentiles(seconds)
    facts = {"count": len(seconds), **spread, "offered_per_second": PER_SECOND}
    rounds = tuple(spread.values())  # p50, p95, p99, max
    return Measure(f"{name}_p95", spread["p95"], "s", "lower", gate, aim, rounds, facts)


def _sized(name: str, value: float, unit: str, gate: float) -> Measure:
    better: Better = "lower"
    return Measure(name, value, unit, better, gate)
