"""What this process depends on, whether it is there, and since when it is not."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.plumbing.clock import Clock

Probe = Callable[[], Awaitable[None]]

_KEPT = timedelta(seconds=1)


@dataclass(frozen=True)
class Dependency:
    """One dependency as last probed."""

    name: str
    missing_since: datetime | None
    """None while it is there."""
    problem: str | None
    """The name of the error, never its text: that may hold an address or a password."""


@dataclass(frozen=True)
class HealthReport:
    checked_at: datetime
    dependencies: tuple[Dependency, ...]

    @property
    def ready(self) -> bool:
        return all(dependency.missing_since is None for dependency in self.dependencies)

    def as_json(self) -> dict[str, object]:
        """`{"ready", "checked_at", "dependencies": {name: {"ready", "missing_since", …}}}`."""
        return {
            "ready": self.ready,
            "checked_at": self.checked_at.isoformat(),
            "dependencies": {
                dependency.name: {"ready": True}
                if dependency.missing_since is None
                else {
                    "ready": False,
                    "missing_since": dependency.missing_since.isoformat(),
                    "problem": dependency.problem,
                }
                for dependency in self.dependencies
            },
        }


class Health:
    """Probes dependencies side by side; asking often does not probe often.

    A probe returns when its dependency is there and raises when it is not; it has `timeout`
    seconds. A report is kept for a second, one that lacks something for a fifth of that: whoever
    waits for the service should not wait for the report.
    """

    def __init__(self, *, clock: Clock, timeout: float = 1.0) -> None:
        self._clock = clock
        self._timeout = timeout
        self._probes: dict[str, Probe] = {}
        self._missing_since: dict[str, datetime] = {}
        self._one_at_a_time = asyncio.Lock()
        self._last: HealthReport | None = None

    def add(self, name: str, probe: Probe) -> None:
        """Depend on something; the name is shown at `/readyz`."""
        self._probes[name] = probe
        self._last = None

    async def report(self) -> HealthReport:
        """The state of every dependency, at most a second old."""
        async with self._one_at_a_time:
            now = self._clock.now()
            if self._last is None or now - self._last.checked_at >= _kept_for(self._last):
                problems = await asyncio.gather(
                    *(self._problem_of(probe) for probe in self._probes.values())
                )
                self._last = HealthReport(
                    checked_at=now,
                    dependencies=tuple(
                        self._seen(name, problem, now)
                        for name, problem in zip(self._probes, problems, strict=True)
                    ),
                )
            return self._last

    async def _problem_of(self, probe: Probe) -> str | None:
        try:
            async with asyncio.timeout(self._timeout):
                await probe()
        except Exception as error:  # noqa: BLE001 - whatever a probe raises is the answer
            return type(error).__name__
        return None

    def _seen(self, name: str, problem: str | None, now: datetime) -> Dependency:
        if problem is None:
            self._missing_since.pop(name, None)
            return Dependency(name=name, missing_since=None, problem=None)
        since = self._missing_since.setdefault(name, now)
        return Dependency(name=name, missing_since=since, problem=problem)


def _kept_for(report: HealthReport) -> timedelta:
    return _KEPT if report.ready else _KEPT / 5
