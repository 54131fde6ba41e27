"""Load that comes on the beat whatever the answers take: no coordinated omission."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Offered(Generic[Answer]):
    """One call. Seconds count from when it was due, not from when it could be sent."""

    answer: Answer
    answered_at: datetime
    late: float
    """How long after its time the generator really sent it."""
    seconds: float


async def offer(
    send: Callable[[int], Awaitable[Answer]], *, per_second: int, seconds: int
) -> Sequence[Offered[Answer]]:
    """Call `send` with 0, 1, 2 … at a steady pace; raises what any call raised."""
    started = time.perf_counter()

    async def one(number: int) -> Offered[Answer]:
        due = started + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        sent = time.perf_counter()
        answer = await send(number)
        return Offered(
            answer=answer,
            answered_at=datetime.now(UTC),
            late=sent - due,
            seconds=time.perf_counter() - due,
        )

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one(number)) for number in range(per_second * seconds)]
    return [each.result() for each in running]
