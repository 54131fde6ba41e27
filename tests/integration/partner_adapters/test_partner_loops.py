"""One loop per partner on a real PostgreSQL: isolation, breaker, take-over, collecting."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import pytest

from services.partner_adapters.collecting import Collecting
from services.partner_adapters.partner_adapter import (
    Collected,
    OutcomeUnknown,
    PartnerNeedsAttention,
    PartnerStatus,
    PartnerUnavailable,
    Receipt,
)
from services.partner_adapters.partner_locks import PartnerLocks
from shared.contracts.personal import WrittenContent
from shared.plumbing.database import Database
from tests.integration.partner_adapters.house import House
from tests.integration.partner_adapters.running_loops import (
    FakeAdapter,
    breaker_is,
    count_in,
    counted,
    recorded,
    running,
    serving,
    until,
)


class KnowsAlready(FakeAdapter):
    async def look_up(self, delivery):
        return Receipt(partner_reference="FOUND")


async def test_what_is_scheduled_is_delivered(house: House):
    adapter = FakeAdapter()
    async with serving(house, caf=adapter):
        for _ in range(30):
            await house.issue()
        await until(counted(house, "delivered", 30))
    assert len({each.referral_id for each in adapter.delivered}) == len(adapter.delivered) == 30
    assert adapter.delivered[0].body["visitor"]["given_name"] == "Awa"


async def test_a_partner_that_answers_nothing_delays_no_other(house: House):
    gate = asyncio.Event()
    stuck, well = FakeAdapter(gate=gate), FakeAdapter()
    for _ in range(40):
        await house.issue("caf")
        await house.issue("cpam")
    async with serving(house, caf=stuck, cpam=well):
        await until(counted(house, "delivered", 40, "cpam"))
        assert stuck.delivered == []
        gate.set()
        await until(counted(house, "delivered", 40))


async def test_no_more_is_claimed_than_can_be_called_at_once(house: House):
    gate = asyncio.Event()
    adapter = FakeAdapter(gate=gate)
    for _ in range(60):
        await house.issue()
    async with serving(house, caf=adapter):
        await until(counted(house, "sending", 16))
        await asyncio.sleep(0.2)
        assert await count_in(house, "due")() == 44
        gate.set()
        await until(counted(house, "delivered", 60))
    assert adapter.most_at_once == 16


async def test_an_open_breaker_stops_the_calls_and_a_probe_brings_all_back(house: House):
    adapter = FakeAdapter(*(PartnerUnavailable("connection_refused") for _ in range(200)))
    for _ in range(100):
        await house.issue()
    async with serving(house, caf=adapter):
        await until(breaker_is(house, "open"))
        await until(counted(house, "sending", 0))
        calls = len(adapter.delivered)
        await asyncio.sleep(0.3)
        assert len(adapter.delivered) == calls <= 16
        adapter.failures.clear()
        house.clock.move(timedelta(seconds=6))
        await until(counted(house, "delivered", 100))
        await until(breaker_is(house, "closed"))
    assert len(adapter.delivered) == calls + 100


async def test_whoever_takes_over_in_an_outage_probes_first_and_then_brings_all_forward(
    house: House,
):
    for _ in range(20):
        await house.issue()
    down = FakeAdapter(*[PartnerUnavailable("http_503")] * 20)
    async with serving(house, caf=down):
        await until(breaker_is(house, "open"))
        await until(counted(house, "sending", 0))
    # Only one of them is due now: the others wait for their next slot.
    await house.database.run_alone(
        "UPDATE partner_adapters.deliveries SET due_at = $1", house.clock.now() + timedelta(hours=9)
    )
    await house.issue()
    gate = asyncio.Event()
    recovered = FakeAdapter(gate=gate)
    async with serving(house, owner="another", caf=recovered):
        await until(counted(house, "sending", 1))
        await until(breaker_is(house, "half_open"))
        gate.set()
        await until(counted(house, "delivered", 21))
    assert len(recovered.delivered) == 21


async def test_rejected_credentials_flag_the_partner_and_park_nothing(house: House):
    adapter = FakeAdapter(*(PartnerNeedsAttention("unauthorized") for _ in range(50)))
    for _ in range(30):
        await house.issue()
    async with serving(house, caf=adapter):
        await until(breaker_is(house, "open"))
        row = await house.row("SELECT * FROM partner_adapters.partners WHERE partner_id = 'caf'")
        assert row["needs_attention"] == "unauthorized"
        assert await count_in(house, "parked")() == 0
        adapter.failures.clear()
        house.clock.move(timedelta(seconds=61))
        await until(counted(house, "delivered", 30))
        await until(breaker_is(house, "closed"))
        row = await house.row("SELECT * FROM partner_adapters.partners WHERE partner_id = 'caf'")
        assert row["needs_attention"] is None


async def test_what_may_have_been_taken_is_looked_up_and_not_sent_again(house: House):
    adapter = KnowsAlready(OutcomeUnknown("line_cut"))
    event = await house.issue("edf")
    async with serving(house, edf=adapter):
        await until(recorded(house, 1))
        house.clock.move(timedelta(seconds=31))
        await until(counted(house, "delivered", 1, "edf"))
    assert len(adapter.delivered) == 1
    assert (await house.referral(event))["partner_reference"] == "FOUND"


async def test_a_partner_without_repetition_gets_a_cut_referral_again(house: House):
    adapter = FakeAdapter(OutcomeUnknown("line_cut"))
    await house.issue()
    async with serving(house, caf=adapter):
        await until(recorded(house, 1))
        house.clock.move(timedelta(seconds=6))
        await until(counted(house, "delivered", 1))
    assert len(adapter.delivered) == 2


async def test_an_adapters_own_fault_is_an_unknown_outcome_and_ends_nothing(house: House):
    adapter = FakeAdapter(ZeroDivisionError())
    await house.issue()
    async with serving(house, caf=adapter):
        await until(recorded(house, 1))
        house.clock.move(timedelta(seconds=6))
        await until(counted(house, "delivered", 1))
    outcomes = await house.database.fetch(
        "SELECT outcome, reason FROM partner_adapters.attempts ORDER BY epoch"
    )
    assert [tuple(row) for row in outcomes] == [("unknown", "adapter_failed"), ("accepted", None)]


async def test_content_that_cannot_be_opened_is_parked_and_never_sent(house: House):
    other = House(database=house.database, clock=house.clock)
    await other.issue()
    adapter = FakeAdapter()
    async with serving(house, caf=adapter):
        await until(counted(house, "parked", 1))
    assert adapter.delivered == []


async def test_one_process_serves_a_partner_and_another_takes_over(house: House, migrated_url):
    second_database = await Database.connect(migrated_url, application="second")
    second_house = House(
        database=second_database, clock=house.clock, sealer=house.sealer, partners=house.partners
    )
    first, second = FakeAdapter(gate=asyncio.Event()), FakeAdapter()
    await house.issue()
    async with AsyncExitStack() as stack:
        leading = asyncio.create_task(_serve_until_killed(house, first))
        await until(counted(house, "sending", 1))
        await stack.enter_async_context(serving(second_house, owner="second", caf=second))
        await asyncio.sleep(0.3)
        assert second.delivered == []
        # The first process is cut from the database: its lock goes, its call goes on.
        await house.database.run_alone(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()"
        )
        await until(_not_sending_for(house, "me"))
        house.clock.move(timedelta(seconds=6))
        await until(counted(house, "delivered", 1))
        first.gate.set()
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)
    rows = await house.database.fetch("SELECT outcome FROM partner_adapters.attempts")
    assert sorted(row["outcome"] for row in rows) == ["accepted", "unknown"]
    await second_database.close()


async def _serve_until_killed(house, adapter):
    async with serving(house, caf=adapter):
        await asyncio.Event().wait()


def _not_sending_for(house, owner):
    async def reached():
        return not await house.database.fetchval(
            "SELECT count(*) FROM partner_adapters.deliveries "
            "WHERE state = 'sending' AND claimed_by = $1",
            owner,
        )

    return reached


class Polled(FakeAdapter):
    def __init__(self, pages):
        super().__init__()
        self.pages = pages
        self.cursors = []

    async def collect(self, cursor):
        self.cursors.append(cursor)
        page = self.pages.get(cursor, Collected(statuses=[], cursor=cursor))
        if isinstance(page, Exception):
            del self.pages[cursor]
            raise page
        return page


async def test_polled_statuses_are_recorded_with_the_cursor_and_trouble_passes(house: House):
    event = await house.issue("cpam")
    [claimed] = await house.claim("cpam")
    await house.record(claimed)

    def status(word, referral_id=event.referral_id):
        return PartnerStatus(
            status_id=f"{word} {referral_id}",
            referral_id=referral_id,
            word=word,
            at=house.clock.now(),
        )

    adapter = Polled(
        {
            None: Collected(statuses=[status("RECU")], cursor="1", unreadable=["{}"]),
            "1": PartnerUnavailable("http_503"),
        }
    )
    locks = PartnerLocks(database=house.database, partner_ids=["cpam"], every=0.02)
    collecting = Collecting(
        partner_id="cpam",
        adapter=adapter,
        every=0.01,
        timeout=5,
        locks=locks,
        database=house.database,
        record=house.record_statuses,
        sealer=house.sealer,
        clock=house.clock,
    )
    async with running(locks.run(), collecting.run()):
        await until(asked(adapter, 3))
        foreign = (await house.issue("caf")).referral_id
        adapter.pages["1"] = Collected(
            statuses=[status("RECU", foreign), status("CLOS")], cursor="2"
        )
        await until(asked_after(adapter, "2"))
    assert (await house.referral(event))["status"] == "resolved"
    [buried] = await house.database.fetch("SELECT * FROM partner_adapters.dead_letters")
    assert buried["topic"] == "statuses of cpam"
    opened = house.sealer.open(
        buried["value"].decode(), WrittenContent, bound_to=UUID(buried["key"].decode())
    )
    assert opened.text == "{}"


def asked(adapter, number):
    async def reached():
        return len(adapter.cursors) >= number

    return reached


def asked_after(adapter, cursor):
    async def reached():
        return cursor in adapter.cursors

    return reached


@pytest.mark.parametrize("failure", [OutcomeUnknown("line_cut"), PartnerUnavailable("http_429")])
async def test_a_partner_that_never_recovers_ends_parked_and_not_dropped(house: House, failure):
    adapter = FakeAdapter(*(failure for _ in range(100)))
    event = await house.issue()
    async with serving(house, caf=adapter):
        async with asyncio.timeout(30):
            while (await house.delivery(event))["state"] != "parked":
                house.clock.move(timedelta(hours=25))
                await asyncio.sleep(0.05)
    assert len(adapter.delivered) == 10
    assert (await house.delivery(event))["reason"] == f"gave_up_{failure.reason}"


class SpeaksUnstorably(FakeAdapter):
    async def deliver(self, deliveries):
        await super().deliver(deliveries)
        return [Receipt(partner_reference="R\ud800", answer="x\ud800") for _ in deliveries]


async def test_words_that_cannot_be_stored_do_not_send_a_referral_for_ever(house: House):
    adapter = SpeaksUnstorably()
    await house.issue()
    async with serving(house, caf=adapter):
        await until(counted(house, "delivered", 1))
    assert len(adapter.delivered) == 1
