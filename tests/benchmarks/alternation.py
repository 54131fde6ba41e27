"""Two contestants measured in turn, so that whatever disturbs the machine disturbs both."""

import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

Contestant = Callable[[int], Awaitable[float]]
"""Is given the number of the round, gives a throughput (per second)."""


@dataclass(frozen=True)
class Duel:
    """What each round gave, in items a second."""

    ours: Sequence[float]
    bare: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """Ours divided by the bare one, round by round."""
        return [ours / bare for ours, bare in zip(self.ours, self.bare, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(self.ratios)

    def facts(self) -> dict[str, object]:
        return {
            "ours_per_second": [round(each) for each in self.ours],
            "bare_per_second": [round(each) for each in self.bare],
        }


async def duel(
    *, ours: Contestant, bare: Contestant, rounds: int, say: Callable[[str], None]
) -> Duel:
    """Measure both in each round, the one that begins changing; round 0 only warms up."""
    found: dict[str, list[float]] = {"ours": [], "bare": []}
    contestants = {"ours": ours, "bare": bare}
    for number in range(rounds + 1):
        order = ("ours", "bare") if number % 2 else ("bare", "ours")
        speeds = {name: await contestants[name](number) for name in order}
        if number == 0:
            continue
        for name, speed in speeds.items():
            found[name].append(speed)
        say(f"round {number}: ours {speeds['ours']:,.0f}/s, bare {speeds['bare']:,.0f}/s")
    return Duel(ours=found["ours"], bare=found["bare"])
