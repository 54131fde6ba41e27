"""An agency whose system fails, in every way: nothing lost, nothing twice, nobody else delayed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest

from tests.end_to_end.agencies import ALL, Agencies
from tests.end_to_end.counter import (
    PATIENCE,
    Case,
    Counter,
    Door,
    Receipt,
    referral_of,
    repeated_lines,
    steps,
    told,
)
from tests.faults.trouble_table import ABOUT_DELIVERY, ALL_STEPS, TABLE, Outcome, Row, troubles

pytestmark = pytest.mark.usefixtures("on_duty")

EACH = 4
"""Referrals for an agency in trouble: enough to open its breaker."""


@dataclass(frozen=True)
class Scene:
    """Who plays a part in every row."""

    counter: Counter
    agencies: Agencies
    operations: Door
    database: asyncpg.Connection


Check = Callable[[Scene, Row, Sequence[Receipt]], Awaitable[None]]


@pytest.fixture
def scene(
    counter: Counter, agencies: Agencies, operations: Door, database: asyncpg.Connection
) -> Scene:
    return Scene(counter, agencies, operations, database)


async def test_every_fault_a_simulator_can_have_has_its_row(agencies: Agencies) -> None:
    rows = [(row.partner_id, row.fault) for row in TABLE]
    possible = await agencies.possible_faults()
    assert {*rows} == {(each, fault) for each, faults in possible.items() for fault in faults}
    assert len(rows) == len({*rows})


@pytest.mark.parametrize(
    "rows", troubles(), ids=lambda rows: ",".join(f"{row.partner_id}:{row.fault}" for row in rows)
)
async def test_each_fault_comes_to_what_the_table_says(scene: Scene, rows: tuple[Row, ...]) -> None:
    healthy = [each for each in ALL if each not in {row.partner_id for row in rows}]
    silent = [row.partner_id for row in rows if row.outcome in ABOUT_DELIVERY]
    await scene.agencies.behave(silent, statuses=False)
    try:
        async with AsyncExitStack() as broken:
            for row in rows:
                await broken.enter_async_context(
                    scene.agencies.broken([row.partner_id], row.fault, seconds=row.seconds)
                )
            theirs = [await submit_to(scene.counter, [row.partner_id], EACH) for row in rows]
            others = await submit_to(scene.counter, healthy, 1)
            # The neighbours are served while the trouble lasts.
            await check_delivered_once(scene, others)
            await check_each(WHILE_IT_LASTS, scene, rows, theirs)
            await check_untouched(scene, healthy)
        await check_each(IN_THE_END, scene, rows, theirs)
    finally:
        await scene.agencies.behave(silent, statuses=True)


async def check_each(
    checks: Mapping[Outcome, Check],
    scene: Scene,
    rows: Sequence[Row],
    theirs: Sequence[Sequence[Receipt]],
) -> None:
    """At the same time: none needs to wait for another agency's."""
    await asyncio.gather(
        *(
            checks[row.outcome](scene, row, receipts)
            for row, receipts in zip(rows, theirs, strict=True)
        )
    )


async def submit_to(counter: Counter, partner_ids: Sequence[str], each: int) -> list[Receipt]:
    return await asyncio.gather(
        *(
            counter.submit(f"Question {number}", to=[partner_id])
            for partner_id in partner_ids
            for number in range(each)
        )
    )


async def check_delivered_once(scene: Scene, receipts: Sequence[Receipt]) -> None:
    """Every one is with its agency, once, and the timeline says it once."""
    cases = await asyncio.gather(
        *(scene.counter.until_delivered(each.case_id) for each in receipts)
    )
    for case in cases:
        [referral] = case["referrals"]
        # A queue or an inbox has it before the people there have read it.
        entry = await scene.agencies.until_received(
            referral["partner_id"], referral_id=referral["referral_id"]
        )
        assert entry["times"] == 1, case["reference"]
        assert len(told(case, "referral.delivered")) == 1
        assert repeated_lines(case) == []


async def check_untouched(scene: Scene, partner_ids: Sequence[str]) -> None:
    """To operations these look as if nothing had happened anywhere."""
    for partner_id in partner_ids:
        answer = await scene.operations.get(f"/api/v1/partners/{partner_id}")
        seen = answer.content["breaker"], answer.content["needs_attention"]
        assert seen == ("closed", None), partner_id


async def until_seen(scene: Scene, row: Row, receipts: Sequence[Receipt]) -> None:
    """Until operations read why one of these was not delivered (`token_…`: nor even asked)."""
    seen: set[str | None] = set()
    try:
        async with asyncio.timeout(PATIENCE):
            while not any(str(each).endswith(str(row.reason)) for each in seen):
                await asyncio.sleep(0.1)
                for receipt in receipts:
                    case = await scene.counter.show(receipt.case_id)
                    for referral in case["referrals"]:
                        seen |= await reasons_of(scene, referral["referral_id"])
    except TimeoutError:
        raise AssertionError(f"{row} was seen as {seen}") from None


async def reasons_of(scene: Scene, referral_id: str) -> set[str | None]:
    answer = await scene.operations.get(f"/api/v1/referrals/{referral_id}")
    if answer.status == 404:  # routed, and not yet heard of
        return set()
    return {
        attempt["reason"]
        for delivery in answer.content["deliveries"]
        for attempt in delivery["attempts"]
        if attempt["outcome"] != "accepted"
    }


async def until_breaker_opens(scene: Scene, row: Row) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await scene.operations.get(f"/api/v1/partners/{row.partner_id}")
            if answer.content["breaker"] != "closed":
                return
            await asyncio.sleep(0.1)


async def until_each(
    scene: Scene, receipts: Sequence[Receipt], happened: Callable[[Case], bool]
) -> list[Case]:
    return await asyncio.gather(*(scene.counter.until(each.case_id, happened) for each in receipts))


async def it_is_not_claimed(scene: Scene, row: Row, receipts: Sequence[Receipt]) -> None:
    await until_seen(scene, row, receipts)
    await until_breaker_opens(scene, row)
    for receipt in receipts:
        case = await scene.counter.show(receipt.case_id)
        assert told(case, "referral.delivered") == []


async def somebody_is_asked(scene: Scene, row: Row, receipts: Sequence[Receipt]) -> None:
    await until_seen(scene, row, receipts)
    await until_each(scene, receipts, lambda case: bool(told(case, "referral.delivery_uncertain")))


async def it_is_parked(scene: Scene, row: Row, receipts: Sequence[Receipt]) -> None:
    cases = await until_each(
        scene, receipts, lambda case: bool(told(case, "referral.delivery_parked"))
    )
    for case in cases:
        [parked] = told(case, "referral.delivery_parked")
        assert parked["facts"]["reason"] == row.reason
        assert parked["facts"]["owner"]
        referral = referral_of(case, row.partner_id)
        delivery = referral["delivery"]
        assert (delivery["state"], delivery["attempt"]) == ("parked", 1)  # never as it stands
        assert not await scene.agencies.received(
            row.partner_id, referral_id=referral["referral_id"]
        )


async def it_is_their_refusal(scene: Scene, row: Row, receipts: Sequence[Receipt]) -> None:
    cases = await until_each(
        scene, receipts, lambda case: bool(told(case, "referral.status_changed"))
    )
    for case in cases:
        [change] = told(case, "referral.status_changed")
        assert change["facts"]["status"] == "refused"
        assert change["facts"]["refusal_reason"] == row.reason


async def it_waits_there(scene: Scene, row: Row, receipts: Sequence[Receipt]) -> None:
    await until_each(scene, receipts, lambda case: bool(told(case, "referral.delivered")))


async def nothing_is_claimed(scene: Scene, row: Row, receipts: Sequence[Receipt]) -> None:
    cases = await until_each(scene, receipts, lambda case: bool(told(case, "referral.delivered")))
    for case in cases:
        referral_id = referral_of(case, row.partner_id)["referral_id"]
        assert row.reason in await buried_reply(scene, row.partner_id, key=referral_id)
        assert steps(await scene.counter.show(case["case_id"]), row.partner_id) == []


async def buried_reply(scene: Scene, partner_id: str, *, key: str) -> Any:
    """The reason of the one dead letter with this key, once it is there."""
    async with asyncio.timeout(PATIENCE):
        while not (
            found := await scene.database.fetch(
                "SELECT error FROM partner_adapters.dead_letters WHERE topic = $1 AND key = $2",
                f"partner-replies-{partner_id}",
                key.encode(),
            )
        ):
            await asyncio.sleep(0.1)
    [letter] = found
    return letter["error"]


async def it_is_told_to_the_end(scene: Scene, row: Row, receipts: Sequence[Receipt]) -> None:
    cases = await until_each(scene, receipts, lambda case: case["status"] == "closed")
    for case in cases:
        seen = steps(case, row.partner_id)
        wanted = row.steps or tuple(step for step in ALL_STEPS if step in seen)
        assert tuple(seen) == wanted, row
        assert seen[-1] == "resolved"
    await check_delivered_once(scene, receipts)


async def it_is_delivered_once(scene: Scene, row: Row, receipts: Sequence[Receipt]) -> None:
    # Operations look at an agency that turned us away; the next request finds it well.
    later = await submit_to(scene.counter, [row.partner_id], 1)
    await check_delivered_once(scene, [*receipts, *later])
    for receipt in receipts:
        case = await scene.counter.show(receipt.case_id)
        assert told(case, "referral.delivery_parked") == []
        if row.outcome is not Outcome.DECIDED:
            assert told(case, "referral.delivery_uncertain") == []


async def it_was_looked_up(scene: Scene, row: Row, receipts: Sequence[Receipt]) -> None:
    await it_is_delivered_once(scene, row, receipts)
    assert {*await times_presented(scene, row, receipts)} == {1}


async def it_was_recognised(scene: Scene, row: Row, receipts: Sequence[Receipt]) -> None:
    async with asyncio.timeout(PATIENCE):  # the slow one of the two may come last
        while max(await times_presented(scene, row, receipts)) < 2:
            await asyncio.sleep(0.1)
    await it_is_delivered_once(scene, row, receipts)


async def times_presented(scene: Scene, row: Row, receipts: Sequence[Receipt]) -> list[int]:
    """How often each came to the agency, recognised or not."""
    cases = [await scene.counter.show(receipt.case_id) for receipt in receipts]
    found = {
        entry["referral_id"]: entry["presented"]
        for entry in await scene.agencies.received(row.partner_id)
    }
    return [found.get(referral_of(case, row.partner_id)["referral_id"], 0) for case in cases]


async def it_goes_on_when_replayed(scene: Scene, row: Row, receipts: Sequence[Receipt]) -> None:
    answer = await scene.operations.post(
        f"/api/v1/partners/{row.partner_id}/replay", {"reason": row.reason, "dry_run": False}
    )
    # At least these: another test may have left some of that reason.
    assert answer.content["replayed"] >= len(receipts), answer
    await check_delivered_once(scene, receipts)


async def it_stays_so(scene: Scene, row: Row, receipts: Sequence[Receipt]) -> None:
    """What was said is said; the next one finds the agency well."""
    later = await submit_to(scene.counter, [row.partner_id], 1)
    await it_is_told_to_the_end(scene, replace(row, steps=ALL_STEPS), later)


WHILE_IT_LASTS: dict[Outcome, Check] = {
    Outcome.SENT_AGAIN: it_is_not_claimed,
    Outcome.LOOKED_UP: until_seen,
    Outcome.RECOGNISED: until_seen,
    Outcome.DECIDED: somebody_is_asked,
    Outcome.PARKED: it_is_parked,
    Outcome.REFUSED: it_is_their_refusal,
    Outcome.WAITS: it_waits_there,
    Outcome.FORWARD: it_is_told_to_the_end,
    Outcome.UNREADABLE: nothing_is_claimed,
}
IN_THE_END: dict[Outcome, Check] = {
    Outcome.SENT_AGAIN: it_is_delivered_once,
    Outcome.LOOKED_UP: it_was_looked_up,
    Outcome.RECOGNISED: it_was_recognised,
    Outcome.DECIDED: it_is_delivered_once,
    Outcome.PARKED: it_goes_on_when_replayed,
    Outcome.REFUSED: it_stays_so,
    Outcome.WAITS: it_is_told_to_the_end,
    Outcome.FORWARD: it_stays_so,
    Outcome.UNREADABLE: it_stays_so,
}


async def test_an_agency_s_answer_settles_what_nobody_could_know(scene: Scene) -> None:
    async with scene.agencies.broken(["sncf"], "cut_after_accept"):
        receipts = await submit_to(scene.counter, ["sncf"], EACH)
        await somebody_is_asked(scene, Row("sncf", "", Outcome.DECIDED, "line_cut"), receipts)
    await check_delivered_once(scene, receipts)


async def test_a_parked_share_holds_up_no_other_of_its_case(scene: Scene) -> None:
    async with scene.agencies.broken(["engie"], "refuse"):
        receipt = await scene.counter.submit("Deux questions", to=["engie", "caf"])
        case = await scene.counter.until(
            receipt.case_id,
            lambda case: (
                bool(told(case, "referral.delivery_parked", "engie"))
                and referral_of(case, "caf")["status"] == "resolved"
            ),
        )
    assert referral_of(case, "engie")["delivery"]["state"] == "parked"
    await scene.operations.post("/api/v1/partners/engie/replay", {"dry_run": False})
    await scene.counter.until(receipt.case_id, lambda case: case["status"] == "closed")


async def test_polls_that_were_missed_are_caught_up(scene: Scene) -> None:
    """The agencies worked on while their doors were shut: every step is told, in order."""
    receipts = await submit_to(scene.counter, ("edf", "sncf"), 3)
    await asyncio.gather(*(scene.counter.until_delivered(each.case_id) for each in receipts))
    async with scene.agencies.broken(["edf", "sncf"], "down"):
        await asyncio.sleep(1)
    for case in await until_each(scene, receipts, lambda case: case["status"] == "closed"):
        [referral] = case["referrals"]
        assert tuple(steps(case, referral["partner_id"])) == ALL_STEPS
