"""`python -m tests.benchmarks [NAME…] [--quick]`: measure, print a table, write the results.

build/bench/results.json: `{id: {value, unit, better, gate, aim}}`; build/bench/details.json says
when and on what machine each was measured, with its rounds and facts. Naming benchmarks keeps
the results of the others. It runs on uvloop, as the services do. Exit code 1 when a benchmark
failed or a gate is missed.
"""

import argparse
import importlib
import os
import sys
import traceback

import uvloop
from rich.console import Console

from tests.benchmarks.measure import Effort, Measure
from tests.benchmarks.report import forget, keep, show

# As the `aiguillage` command does, before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

BENCHMARKS = {
    "consume_ratio": "consume() against a bare loop",
    "relay_ratio": "the outbox relay against a raw produce",
    "intake_post_ratio": "intake's POST against a bare handler",
    "rest_adapter_ratio": "the rest adapter against a bare HTTP loop",
    "delivery_path_ratio": "claim, call and record against a bare HTTP loop",
    "isolation": "seven agencies while the eighth is dead or answers in 30 s",
    "waiting_memory": "the service while 10,000 deliveries wait",
    "outage_72h": "72 hours without an agency, the clock moved",
    "replay": "10,000 parked deliveries let go",
    "statements_per_case": "SQL statements over the whole path at 200 cases a second",
    "classification": "the router's classifier: speed on one core, quality on the test texts",
    "latencies": "to the agency and back at 20 requests a second; start and memory",
    "demo_seconds": "the demonstration, warm",
}
"""Each is a module of this folder with `async measure(effort) -> list[Measure]`."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    asked = parser.parse_args()
    if unknown := set(asked.names) - BENCHMARKS.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    console = Console(stderr=True, soft_wrap=True)
    effort = Effort(quick=asked.quick, say=lambda line: console.print(f"  · {line}", style="dim"))
    measures: list[Measure] = []
    failed: list[str] = []
    if not asked.names:
        forget()
    for name in asked.names or BENCHMARKS:
        console.print(f"{name}: {BENCHMARKS[name]}", style="bold")
        try:
            module = importlib.import_module(f"tests.benchmarks.{name}")
            found = uvloop.run(module.measure(effort))
        except Exception:  # noqa: BLE001 - the others are still worth measuring
            failed.append(name)
            traceback.print_exc()
            continue
        keep(found)
        measures += found
    show(measures, failed=failed, quick=asked.quick)
    return 1 if failed or not all(each.meets(each.gate) for each in measures) else 0


if __name__ == "__main__":
    sys.exit(main())
