"""Children that die are started again; one that keeps dying ends the whole."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.commands.child_process import ChildPlan, ChildProcess, log_tail
from services.commands.outcome import CommandFailed

QUICK_DEATH_SECONDS = 10.0
QUICK_DEATHS_ALLOWED = 5
LOOK_EVERY_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


@dataclass
class Deaths:
    """How often in a row a child died soon after its start."""

    in_a_row: int = 0

    def count(self, *, lived_seconds: float) -> bool:
        """Take one more death; tell whether the child may be started again."""
        self.in_a_row = self.in_a_row + 1 if lived_seconds < QUICK_DEATH_SECONDS else 0
        return self.in_a_row < QUICK_DEATHS_ALLOWED

    def pause_seconds(self) -> float:
        """How long to wait before the next start; nothing after a long life."""
        return min(0.25 * self.in_a_row**2, LONGEST_PAUSE_SECONDS)


class Nursery:
    """The children that run now, in the order they were started."""

    def __init__(self, *, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._children: dict[str, ChildProcess] = {}

    def start(self, plan: ChildPlan) -> None:
        self._children[plan.name] = ChildProcess(plan)

    def pids(self) -> dict[str, int]:
        """The process of each child, by name."""
        return {name: child.pid for name, child in self._children.items()}

    def refuse_dead(self, name: str) -> None:
        """Raise `CommandFailed`, with the end of its log, unless this child is running."""
        child = self._children[name]
        if not child.is_running():
            raise CommandFailed(
                f"{name} ended with code {child.exit_code()} while it started.\n"
                f"{log_tail(child.plan.log_file)}",
                hint=f"The whole log: {child.plan.log_file}",
            )

    async def follow(self) -> None:
        """Start again whatever dies, until cancelled; raises `CommandFailed`."""
        async with asyncio.TaskGroup() as tasks:
            for name in self._children:
                tasks.create_task(self._follow_one(name))

    def stop(self, order: Sequence[Sequence[str]]) -> None:
        """Stop the children group after group, those of a group at the same time."""
        for group in order:
            children = [self._children[name] for name in group if name in self._children]
            for child in children:
                child.ask_to_stop()
            for child in children:
                child.stop()

    async def _follow_one(self, name: str) -> None:
        deaths = Deaths()
        while True:
            started = time.monotonic()
            child = self._children[name]
            while child.is_running():  # noqa: ASYNC110 - a process has no event to wait for
                await asyncio.sleep(LOOK_EVERY_SECONDS)
            code = child.exit_code()
            if not deaths.count(lived_seconds=time.monotonic() - started):
                raise CommandFailed(
                    f"{name} died {QUICK_DEATHS_ALLOWED} times in a row, last with code {code}.\n"
                    f"{log_tail(child.plan.log_file)}",
                    hint=f"The whole log: {child.plan.log_file}",
                )
            self._tell(f"{name} ended with code {code}: it is started again")
            await asyncio.sleep(deaths.pause_seconds())
            self._children[name] = ChildProcess(child.plan)
