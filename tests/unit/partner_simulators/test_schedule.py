"""The heap of things to do later."""

import asyncio

from services.partner_simulators.schedule import Schedule


async def run_until(schedule: Schedule, done: asyncio.Event) -> None:
    task = asyncio.ensure_future(schedule.run())
    async with asyncio.timeout(20):
        await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_due_first_runs_first() -> None:
    schedule, ran, done = Schedule(), [], asyncio.Event()
    schedule.after(0.03, done.set)
    schedule.after(0.02, lambda: ran.append("later"))
    schedule.after(0.01, lambda: ran.append("sooner"))
    await run_until(schedule, done)
    assert ran == ["sooner", "later"]
    assert len(schedule) == 0


async def test_an_earlier_action_wakes_a_schedule_that_sleeps() -> None:
    schedule, done = Schedule(), asyncio.Event()
    schedule.after(3600, lambda: None)
    asyncio.get_running_loop().call_soon(lambda: schedule.after(0, done.set))
    await run_until(schedule, done)
    assert len(schedule) == 1


async def test_an_action_that_fails_stops_nothing() -> None:
    schedule, done = Schedule(), asyncio.Event()
    schedule.after(0, lambda: int("not a number"))
    schedule.after(0, done.set)
    await run_until(schedule, done)
    assert len(schedule) == 0
