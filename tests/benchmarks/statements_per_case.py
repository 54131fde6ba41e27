"""SQL statements over the whole path of a case at 200 cases a second, by pg_stat_statements.

Everything counts: BEGIN and COMMIT, polls, and what a pool says on its own, from the first
request to the moment when the last agency's last word is on its timeline.
"""

import asyncio
import re
from collections import Counter
from typing import Any

import asyncpg

from tests.benchmarks.bench_fleet import BenchFleet, bench_fleet
from tests.benchmarks.measure import Effort, Measure
from tests.benchmarks.open_loop import offer
from tests.benchmarks.percentiles import percentiles

PER_SECOND = 200
GATE = 12.0
_SHOWN = 15
_IDLE_SECONDS = 5.0
_SCHEMAS = ("partner_adapters", "intake", "router")


async def measure(effort: Effort) -> list[Measure]:
    async with bench_fleet(effort.say) as fleet:
        await fleet.warm_up()
        idle = await _statements_a_second_idle(fleet)
        await fleet.database.execute("SELECT pg_stat_statements_reset() AS bench_probe")
        cpu_before = fleet.cpu_seconds()
        offered = await offer(
            fleet.submit, per_second=PER_SECOND, seconds=effort.pick(full=10, quick=4)
        )
        quiet = await fleet.until_quiet()
        cpu_after = fleet.cpu_seconds()
        statements = await _list_statements(fleet)
        referrals = await fleet.refuse_loss([each.answer.case_id for each in offered])
    cases = len(offered)
    posts = percentiles(each.seconds for each in offered)
    accepted = cases / max(
        number / PER_SECOND + each.seconds for number, each in enumerate(offered)
    )
    lateness = percentiles(each.late for each in offered)
    cpu = {name: round((cpu_after[name] - cpu_before[name]) * 1e3 / cases, 2) for name in cpu_after}
    by_schema = {name: round(n / cases, 2) for name, n in _by_schema(statements).items()}
    effort.say(f"per case, by what they touch: {by_schema}")
    effort.say(f"processor milliseconds per case: {cpu}")
    effort.say(f"POST {_ms(posts)}; generator late {_ms(lateness)}; drained {quiet.waited:.1f} s")
    top = [
        {
            "per_case": round(row["calls"] / cases, 3),
            "rows_a_call": round(row["rows"] / row["calls"], 1),
            "mean_ms": round(row["mean_exec_time"], 2),
            "statement": " ".join(row["query"].split())[:140],
        }
        for row in statements[:_SHOWN]
    ]
    for each in top:
        effort.say(f"{each['per_case']:7.3f} × {each['rows_a_call']:6.1f} rows {each['statement']}")
    return [
        Measure(
            id="statements_per_case",
            value=float(quiet.found["statements"]) / cases,
            unit="statements",
            better="lower",
            gate=GATE,
            aim=8.0,
            facts={
                "cases": cases,
                "referrals": referrals,
                "statuses": quiet.found["statuses"],
                "offered_per_second": PER_SECOND,
                "put_off_with_503": sum(each.answer.refusals for each in offered),
                "drained_seconds": round(quiet.waited, 1),
                "post_seconds": posts,
                "generator_late_seconds": lateness,
                "idle_statements_per_second": idle,
                "by_schema": by_schema,
                "cpu_ms_per_case": cpu,
                "top": top,
            },
        ),
        # Below the aim the path was behind: batches were larger, and statements fewer, than at 200.
        Measure("accepted_per_second_at_200", accepted, "cases/s", "higher", aim=0.95 * PER_SECOND),
    ]


async def _statements_a_second_idle(fleet: BenchFleet) -> float:
    """What polling alone costs, while nothing happens."""
    await fleet.database.execute("SELECT pg_stat_statements_reset() AS bench_probe")
    await asyncio.sleep(_IDLE_SECONDS)
    calls = sum(row["calls"] for row in await _list_statements(fleet))
    return round(calls / _IDLE_SECONDS, 1)


async def _list_statements(fleet: BenchFleet) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await fleet.database.fetch(
        """
        SELECT sum(calls)::bigint AS calls, sum(rows)::bigint AS rows, query,
               sum(total_exec_time) / sum(calls) AS mean_exec_time
        FROM pg_stat_statements WHERE query NOT LIKE '%bench_probe%'
          AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        GROUP BY query ORDER BY 1 DESC
        """
    )
    return rows


def _by_schema(statements: list[asyncpg.Record]) -> Counter[str]:
    """Counted by the first schema each statement names; those that name none by their verb."""
    counted: Counter[str] = Counter()
    for row in statements:
        named = re.search(rf"\b({'|'.join(_SCHEMAS)})\.", row["query"])
        counted[named[1] if named else _verb(row["query"])] += row["calls"]
    return counted


def _verb(query: str) -> str:
    verb = query.split()[0].upper().rstrip(";")
    return verb if verb in {"BEGIN", "COMMIT", "ROLLBACK"} else "other"


def _ms(found: Any) -> str:
    return ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in found.items())
