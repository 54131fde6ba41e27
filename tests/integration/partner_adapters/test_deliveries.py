"""Claim → call → record on a real PostgreSQL: who may send what, and what is never lost."""

import asyncio
from datetime import timedelta

from services.partner_adapters.list_lost_calls import list_lost_calls
from services.partner_adapters.record_deliveries import CallEnded
from services.partner_adapters.referral_progress import Outcome
from shared.contracts.delivery_state import DeliveryState
from shared.contracts.personal import RequestContent, WrittenContent
from tests.integration.partner_adapters.house import TRACE, House

DELIVERED = "referral.delivered.v1"
CHANGED = "referral.status_changed.v1"
PARKED = "referral.delivery_parked.v1"


async def test_a_referral_is_stored_once_and_is_due_at_once(house: House):
    event = await house.issue()
    await house.hear(event)
    [claimed] = await house.claim()
    assert (claimed.referral_id, claimed.epoch, claimed.what) == (event.referral_id, 1, "referral")
    assert claimed.trace == TRACE
    opened = house.sealer.open(claimed.request_sealed, RequestContent, bound_to=event.case_id)
    assert opened.text == "mon APL n’arrive plus"
    assert claimed.about["demarches"] == [{"id": "caf.autre", "title": "Autre démarche"}]
    assert await house.claim() == []


async def test_the_partners_loop_is_woken_after_the_commit(house: House):
    await house.issue("caf")
    await house.issue("edf")
    assert house.woken == ["caf", "edf"]


async def test_two_workers_never_claim_the_same_row(house: House):
    for _ in range(40):
        await house.issue()
    batches = await asyncio.gather(*(house.claim(owner=f"w{n}", limit=10) for n in range(8)))
    ids = [claimed.delivery_id for batch in batches for claimed in batch]
    assert len(ids) == len(set(ids)) == 40


async def test_a_delivered_referral_is_told_once_under_its_trace(house: House):
    event = await house.issue()
    [claimed] = await house.claim()
    assert await house.record(claimed, partner_reference="CAF-1") is DeliveryState.DELIVERED
    referral = await house.referral(event)
    assert (referral["status"], referral["partner_reference"]) == ("delivered", "CAF-1")
    assert await house.said(event) == [DELIVERED]
    headers = await house.row("SELECT headers FROM partner_adapters.outbox ORDER BY id DESC")
    assert headers["headers"]["traceparent"] == TRACE["traceparent"]


async def test_a_zombie_never_records(house: House):
    event = await house.issue()
    [zombie] = await house.claim()
    house.clock.move(timedelta(seconds=21))
    [lost] = await list_lost_calls(
        house.database, partner=house.partners["caf"], owner="me", clock=house.clock
    )
    assert await house.record_calls([lost]) == [DeliveryState.DUE]
    assert await house.record(zombie) is None
    assert await house.said(event) == []
    house.clock.move(timedelta(seconds=6))
    [again] = await house.claim(owner="other")
    assert again.epoch == 2
    assert await house.record(zombie) is None
    assert await house.record(again) is DeliveryState.DELIVERED
    assert await house.said(event) == [DELIVERED]


async def test_a_dead_processs_claim_is_lost_at_once_only_where_repetitions_are_recognised(
    house: House,
):
    await house.issue("caf")
    await house.issue("edf")
    for partner_id in ("caf", "edf"):
        await house.claim(partner_id, owner="dead")

    async def lost(partner_id: str) -> int:
        return len(
            await list_lost_calls(
                house.database,
                partner=house.partners[partner_id],
                owner="me",
                clock=house.clock,
            )
        )

    assert (await lost("caf"), await lost("edf")) == (1, 0)
    house.clock.move(timedelta(seconds=21))
    assert await lost("edf") == 1


async def test_only_the_first_unfinished_delivery_of_a_referral_can_be_taken(house: House):
    event = await house.issue()
    [first] = await house.claim()
    answer_id = await house.answer(event)
    assert await house.claim() == []
    await house.record(first, "unavailable", reason="http_503")
    assert await house.claim() == []
    house.clock.move(timedelta(seconds=6))
    [first] = await house.claim()
    await house.record(first)
    [answer] = await house.claim()
    assert (answer.delivery_id, answer.what) == (answer_id, "answer")
    opened = house.sealer.open(answer.answer_sealed, WrittenContent, bound_to=event.case_id)
    assert opened.text == "les voici"


async def test_a_recall_before_sending_never_reaches_the_partner(house: House):
    event = await house.issue()
    await house.recall(event)
    await house.recall(event)
    assert await house.claim() == []
    assert (await house.delivery(event))["state"] == "cancelled"
    assert await house.said(event) == [CHANGED]
    assert (await house.referral(event))["status"] == "withdrawn"


async def test_a_recall_after_delivery_is_told_to_the_partner(house: House):
    event = await house.issue()
    [claimed] = await house.claim()
    await house.record(claimed)
    await house.recall(event)
    [withdrawal] = await house.claim()
    assert withdrawal.what == "withdrawal"
    assert await house.record(withdrawal) is DeliveryState.DELIVERED
    assert await house.said(event) == [DELIVERED, CHANGED]


async def test_a_recall_while_sending_waits_for_the_outcome(house: House):
    event = await house.issue()
    [claimed] = await house.claim()
    await house.recall(event)
    assert await house.claim() == []
    await house.record(claimed, "unavailable", reason="http_503")
    assert await house.claim() == []
    assert (await house.delivery(event, 2))["state"] == "cancelled"


async def test_an_answer_and_a_recall_in_one_batch_leave_only_the_withdrawal(house: House):
    event = await house.issue()
    [claimed] = await house.claim()
    await house.record(claimed)
    await house.answer(event)
    await house.recall(event)
    [withdrawal] = await house.claim()
    assert withdrawal.what == "withdrawal"
    assert (await house.delivery(event, 2))["state"] == "cancelled"


async def test_what_a_partner_refuses_is_parked_with_its_reason_and_owner(house: House):
    event = await house.issue()
    [claimed] = await house.claim()
    assert await house.record(claimed, "refused", reason="http_422") is DeliveryState.PARKED
    delivery = await house.delivery(event)
    assert (delivery["reason"], delivery["owner"]) == ("http_422", "operations")
    assert await house.said(event) == [PARKED]
    house.clock.move(timedelta(days=5))
    assert await house.claim() == []


async def test_every_call_leaves_its_attempt_with_the_answer_sealed(house: House):
    event = await house.issue()
    for outcome in ("unavailable", "unknown", "accepted"):
        [claimed] = await house.claim()
        await house.record(claimed, outcome, reason=outcome)
        house.clock.move(timedelta(hours=1))
    rows = await house.database.fetch(
        "SELECT epoch, outcome, duration_ms, answer FROM partner_adapters.attempts "
        "WHERE delivery_id = $1 ORDER BY epoch",
        (await house.delivery(event))["delivery_id"],
    )
    assert [(row["epoch"], row["outcome"], row["duration_ms"]) for row in rows] == [
        (1, "unavailable", 12),
        (2, "unknown", 12),
        (3, "accepted", 12),
    ]
    assert "answered so" not in rows[0]["answer"]
    opened = house.sealer.open(rows[0]["answer"], WrittenContent, bound_to=event.case_id)
    assert opened.text == "answered so"


async def test_72_hours_of_outage_lose_nothing(house: House):
    events = [await house.issue() for _ in range(20)]
    for _ in range(72):
        for claimed in await house.claim(limit=50):
            await house.record(claimed, "unavailable", reason="connection_refused")
        house.clock.move(timedelta(hours=1))
    states = {(await house.delivery(event))["state"] for event in events}
    assert states == {"due"}
    house.clock.move(timedelta(hours=24))
    for claimed in await house.claim(limit=50):
        await house.record(claimed)
    assert {(await house.delivery(event))["state"] for event in events} == {"delivered"}


async def test_a_paused_partner_keeps_its_rows_due(house: House):
    await house.issue()
    pause = "UPDATE partner_adapters.partners SET paused_at = $1 WHERE partner_id = 'caf'"
    await house.database.run_alone(pause, house.clock.now())
    assert await house.claim() == []
    await house.database.run_alone(pause, None)
    assert len(await house.claim()) == 1


async def test_many_outcomes_are_recorded_by_few_statements(house: House):
    for _ in range(50):
        await house.issue()
    [first, *others] = await house.claim(limit=50)
    await house.record(first)  # so that the connection knows the types
    await house.database.run_alone("SELECT pg_stat_statements_reset()")
    await house.record_calls(
        [
            CallEnded(
                delivery_id=each.delivery_id,
                referral_id=each.referral_id,
                epoch=each.epoch,
                started_at=house.clock.now(),
                duration_ms=1,
                outcome=Outcome(kind="accepted"),
            )
            for each in others
        ]
    )
    rows = await house.database.fetch(
        "SELECT query, calls FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid "
        "WHERE d.datname = current_database() AND query LIKE '%partner_adapters.%'"
    )
    # Lock, progress, attempts, outbox: whatever the number of outcomes.
    assert sum(row["calls"] for row in rows) == 4
