"""Statuses told twice or late: none is lost, and only where the panel says so."""

import asyncio
from typing import Any

import pytest

from services.partner_simulators.disorder import Disorder
from services.partner_simulators.faults import Fault, FaultPanel
from services.partner_simulators.schedule import Schedule


def status(number: int, *, referral_id: str = "r") -> dict[str, Any]:
    return {"id": f"{referral_id}-{number}", "referral_id": referral_id}


async def told_of(count: int, fault: Fault | None, *, expected: int) -> list[int]:
    """The numbers told, once `expected` of them were, of `count` statuses of one referral."""
    told: list[int] = []
    panel, schedule = FaultPanel(), Schedule()
    panel.set(fault)
    disorder = Disorder(
        lambda message: told.append(int(message["id"][-1])), faults=panel, schedule=schedule
    )
    serving = asyncio.ensure_future(schedule.run())
    for number in range(count):
        disorder.tell(status(number))
    async with asyncio.timeout(20):
        while len(told) < expected:
            await asyncio.sleep(0.001)
    serving.cancel()
    return told


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (None, [0, 1, 2]),
        (Fault("slow"), [0, 1, 2]),
        (Fault("duplicate_statuses"), [0, 0, 1, 1, 2, 2]),
        (Fault("out_of_order_statuses", 0.01), [1, 0, 2]),
    ],
)
async def test_three_statuses_are_told_as_the_panel_orders(
    fault: Fault | None, told: list[int]
) -> None:
    assert await told_of(3, fault, expected=len(told)) == told


async def test_referrals_do_not_overtake_one_another() -> None:
    told: list[str] = []
    panel = FaultPanel()
    panel.set(Fault("out_of_order_statuses"))
    disorder = Disorder(
        lambda message: told.append(message["id"]), faults=panel, schedule=Schedule()
    )
    for number in range(2):
        for referral_id in ("a", "b"):
            disorder.tell(status(number, referral_id=referral_id))
    assert told == ["a-1", "a-0", "b-1", "b-0"]


async def test_what_was_held_back_when_the_fault_was_healed_follows_the_next() -> None:
    told: list[str] = []
    panel = FaultPanel()
    panel.set(Fault("out_of_order_statuses"))
    disorder = Disorder(
        lambda message: told.append(message["id"]), faults=panel, schedule=Schedule()
    )
    disorder.tell(status(0))
    panel.set(None)
    disorder.tell(status(1))
    assert told == ["r-1", "r-0"]
