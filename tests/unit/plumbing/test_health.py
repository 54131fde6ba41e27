"""Health: what is missing is named with the instant it went, and probing stays rare."""

import asyncio
from datetime import UTC, datetime, timedelta

from shared.plumbing.clock import MovableClock
from shared.plumbing.health import Health

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


class Dependency:
    def __init__(self) -> None:
        self.error: Exception | None = None
        self.probed = 0

    async def probe(self) -> None:
        self.probed += 1
        if self.error:
            raise self.error


async def test_all_is_ready_while_every_dependency_answers() -> None:
    health = Health(clock=MovableClock(START))
    health.add("postgresql", Dependency().probe)
    report = await health.report()
    assert report.ready
    assert report.as_json()["dependencies"] == {"postgresql": {"ready": True}}


async def test_a_missing_dependency_is_named_with_the_instant_it_went() -> None:
    clock, database, kafka = MovableClock(START), Dependency(), Dependency()
    health = Health(clock=clock)
    health.add("postgresql", database.probe)
    health.add("kafka", kafka.probe)
    kafka.error = ConnectionRefusedError("kafka.internal:9092 user=admin")
    await health.report()
    clock.move(timedelta(seconds=30))
    report = await health.report()

    assert not report.ready
    assert report.as_json() == {
        "ready": False,
        "checked_at": "2026-11-23T10:00:30+00:00",
        "dependencies": {
            "postgresql": {"ready": True},
            "kafka": {
                "ready": False,
                "missing_since": "2026-11-23T10:00:00+00:00",
                "problem": "ConnectionRefusedError",
            },
        },
    }

    kafka.error = None
    clock.move(timedelta(seconds=1))
    assert (await health.report()).ready
    kafka.error = TimeoutError()
    clock.move(timedelta(seconds=9))
    missing = (await health.report()).dependencies[1]
    assert missing.missing_since == START + timedelta(seconds=40)


async def test_asking_often_does_not_probe_often() -> None:
    clock, dependency = MovableClock(START), Dependency()
    health = Health(clock=clock)
    health.add("postgresql", dependency.probe)
    await asyncio.gather(*(health.report() for _ in range(50)))
    assert dependency.probed == 1
    clock.move(timedelta(seconds=1))
    await asyncio.gather(*(health.report() for _ in range(50)))
    assert dependency.probed == 2


async def test_a_probe_that_hangs_is_given_up_and_hides_no_other() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    health = Health(clock=MovableClock(START), timeout=0.01)
    health.add("kafka", hang)
    health.add("postgresql", Dependency().probe)
    kafka, postgresql = (await health.report()).dependencies
    assert kafka.problem == "TimeoutError"
    assert postgresql.missing_since is None
