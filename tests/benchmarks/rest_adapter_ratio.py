"""The `rest` adapter against a bare aiohttp loop: the same stub, the same bodies, 16 at once.

Both only talk to the agency, in this process and on this event loop; the stub is a process of its
own. Ours is the adapter as the service builds it: `RestAdapter.deliver` with its transport, which
checks addresses, sets headers, bounds and reads the answer, and looks for the reference in it. The
bare loop posts JSON and reads the answer. What comes before and after the call (claim, seal,
record) is in `delivery_path_ratio`.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

import aiohttp

from services.commands.addresses import free_ports
from services.partner_adapters.handover import referral_body
from services.partner_adapters.partner_adapter import Delivery
from services.partner_adapters.registry import ADAPTERS, Transports
from shared.plumbing.clock import SystemClock
from tests.benchmarks.alternation import duel
from tests.benchmarks.bench_partners import CONCURRENCY, connected, content_of
from tests.benchmarks.measure import Effort, Measure, MessagesLost
from tests.benchmarks.one_service import bench_program, running_service
from tests.benchmarks.stub_count import count_of
from tests.infrastructure import temporary_folder

_PARTNER = "bench"
_OVERHEAD_GATE = 5.0
"""Milliseconds."""

Call = Callable[[Delivery], Awaitable[object]]


async def measure(effort: Effort) -> list[Measure]:
    referrals = effort.pick(full=3000, quick=800)
    latencies: dict[str, list[float]] = {"ours": [], "bare": []}
    with temporary_folder() as logs:
        plan, url = bench_program(
            "stub_agency", port=free_ports().simulators, logs=logs, environment={}
        )
        async with running_service(plan, url=url, health="/count"):
            adapter = ADAPTERS["rest"].build(
                connected(_PARTNER, url),
                Transports(queue=None, inbox=None, clock=SystemClock()),  # type: ignore[arg-type]
            )
            connector = aiohttp.TCPConnector(limit=CONCURRENCY)
            async with aiohttp.ClientSession(connector=connector) as http:

                async def ours(delivery: Delivery) -> object:
                    return await adapter.deliver([delivery])

                async def bare(delivery: Delivery) -> object:
                    headers = {"Idempotency-Key": str(delivery.referral_id), "X-Api-Key": "bench"}
                    async with http.post(
                        f"{url}/referrals", json=delivery.body, headers=headers
                    ) as answer:
                        answer.raise_for_status()
                        return await answer.read()

                async def deliver(call: Call, name: str) -> float:
                    before = await count_of(url)
                    speed = await _deliver(call, _deliveries(referrals), latencies[name])
                    after = await count_of(url)
                    if after.held - before.held != referrals or after.doubled:
                        raise MessagesLost(f"{referrals} referrals, from {before} to {after}")
                    return speed

                found = await duel(
                    ours=lambda _: deliver(ours, "ours"),
                    bare=lambda _: deliver(bare, "bare"),
                    rounds=effort.pick(full=7, quick=3),
                    say=effort.say,
                )
            await adapter.close()
    medians = {name: 1000 * statistics.median(each) for name, each in latencies.items()}
    facts = {"referrals": referrals, "concurrency": CONCURRENCY}
    return [
        Measure(
            id="rest_adapter_ratio",
            value=found.ratio,
            unit="ours/bare",
            better="higher",
            gate=0.5,
            rounds=found.ratios,
            facts=found.facts() | facts,
        ),
        Measure(
            id="rest_adapter_overhead_p50",
            value=medians["ours"] - medians["bare"],
            unit="ms",
            better="lower",
            gate=_OVERHEAD_GATE,
            facts={f"{name}_p50_ms": round(each, 3) for name, each in medians.items()} | facts,
        ),
    ]


async def _deliver(call: Call, deliveries: Sequence[Delivery], latencies: list[float]) -> float:
    """Deliver all, so many at once; gives how many a second."""
    waiting = iter(deliveries)

    async def worker() -> None:
        for delivery in waiting:
            began = time.perf_counter()
            await call(delivery)
            latencies.append(time.perf_counter() - began)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CONCURRENCY):
            tasks.create_task(worker())
    return len(deliveries) / (time.perf_counter() - started)


def _deliveries(referrals: int) -> list[Delivery]:
    return [_delivery(number) for number in range(referrals)]


def _delivery(number: int) -> Delivery:
    now, referral_id = SystemClock().now(), uuid4()
    about = {
        "referral_id": referral_id,
        "reference": f"{number:08d}",
        "unit_id": None,
        "urgent": False,
        "channel": "kiosk",
        "language": "fr",
        "taken_at": now,
        "issued_at": now,
        "demarches": [{"id": "bench.facture", "title": "Contester une facture"}],
    }
    permitted = {"given_name", "family_name", "postcode", "phone", "email", "identifiers"}
    return Delivery(
        delivery_id=uuid4(),
        case_id=uuid4(),
        referral_id=referral_id,
        what="referral",
        body=referral_body(
            about, content_of(number), partner_id=_PARTNER, permitted_fields=permitted
        ),
    )
