"""Time that stands still until it is moved."""

import asyncio
from datetime import UTC, datetime, timedelta

from shared.plumbing.clock import MovableClock

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


async def test_sleepers_wake_in_order_when_their_time_has_come() -> None:
    clock = MovableClock(START)
    woken: list[int] = []

    async def sleeper(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (30, 10, 20)]
    await asyncio.sleep(0)
    clock.move(timedelta(seconds=9))
    await asyncio.sleep(0)
    assert woken == []
    clock.move(timedelta(seconds=11))
    await asyncio.sleep(0.01)
    assert woken == [10, 20]
    clock.move(timedelta(hours=72))
    await asyncio.gather(*tasks)
    assert woken == [10, 20, 30]
    assert clock.now() == START + timedelta(hours=72, seconds=20)
