"""The `soap` kind against the simulated agency: what arrives, what comes back, each fault."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.partner_adapters.partner_adapter import (
    OutcomeUnknown,
    PartnerNeedsAttention,
    PartnerRefused,
    PartnerUnavailable,
)
from services.partner_simulators.faults import STATUS_FAULTS
from services.partner_simulators.settings import Settings
from shared.plumbing.clock import MovableClock
from tests.integration.partner_adapters.soap_deliveries import (
    PASSWORD,
    REFERRAL,
    adapting,
    following,
    referral,
)
from tests.integration.partner_simulators.running import Agencies, simulated


@pytest.fixture
async def agencies():
    settings = Settings(
        simulator_partners=("cpam",),
        simulator_base_port=0,
        simulator_pace=0.01,
        simulator_outcome="resolved",
        secret_cpam_username="aiguillage",
        secret_cpam_password=PASSWORD,
    )
    async with simulated(settings) as running:
        yield running


@pytest.fixture
async def adapter(agencies: Agencies):
    async with adapting(agencies.address("cpam")) as adapter:
        yield adapter


async def test_a_referral_arrives_field_by_field(adapter, agencies):
    delivery = referral()
    [receipt] = await adapter.deliver([delivery])
    [entry] = (await agencies.ledger("cpam"))["entries"]
    assert entry["reference"] == receipt.partner_reference
    assert entry["body"] == {**REFERRAL, "referral_id": str(delivery.referral_id)}


async def test_what_it_may_not_have_or_we_do_not_know_is_left_out(adapter, agencies):
    await adapter.deliver([referral(visitor={}, language=None, demarches=[])])
    [entry] = (await agencies.ledger("cpam"))["entries"]
    assert entry["body"]["visitor"] == {}
    assert (entry["body"]["language"], entry["body"]["demarches"]) == (None, [])


async def test_what_xml_cannot_hold_is_replaced(adapter, agencies):
    await adapter.deliver([referral(text="a\x00b\x0bc\ud800d\uffff")])
    [entry] = (await agencies.ledger("cpam"))["entries"]
    assert entry["body"]["text"] == "a\ufffdb\ufffdc\ufffdd\ufffd"


async def test_answers_and_withdrawals_follow_the_referral(adapter, agencies):
    delivery = referral()
    answer, withdrawal = following(delivery, "answer"), following(delivery, "withdrawal")
    await adapter.deliver([delivery])
    await adapter.deliver([answer])
    await adapter.deliver([withdrawal])
    entries = (await agencies.ledger("cpam"))["entries"]
    assert [entry["what"] for entry in entries] == ["referral", "answer", "withdrawal"]
    assert [entry["body"] for entry in entries[1:]] == [answer.body, withdrawal.body]


async def test_a_withdrawal_of_what_it_never_had_is_done_and_an_answer_is_refused(adapter):
    unknown = referral()
    assert len(await adapter.deliver([following(unknown, "withdrawal")])) == 1
    with pytest.raises(PartnerRefused, match="fault_dossier_inconnu"):
        await adapter.deliver([following(unknown, "answer")])


async def test_a_look_up_finds_it_or_says_that_it_never_came(adapter):
    delivery = referral()
    assert await adapter.look_up(delivery) is None
    [receipt] = await adapter.deliver([delivery])
    found = await adapter.look_up(delivery)
    assert found.partner_reference == receipt.partner_reference


async def test_statuses_are_collected_from_a_cursor_on(adapter, agencies):
    delivery = referral()
    await adapter.deliver([delivery])
    seen, cursor = [], None

    async def collected():
        nonlocal cursor
        page = await adapter.collect(cursor)
        assert page.unreadable == []
        cursor = page.cursor
        seen.extend(page.statuses)
        return len(seen) >= 3

    async with asyncio.timeout(20):
        while not await collected():
            await asyncio.sleep(0.02)
    assert [each.word for each in seen] == ["RECU", "INSTRUCTION", "CLOS"]
    assert {each.referral_id for each in seen} == {delivery.referral_id}
    assert len({each.status_id for each in seen}) == 3
    assert seen[2].message == "Votre demande est traitée. Vous pouvez consulter votre compte ameli."
    assert (await adapter.collect(cursor)).statuses == []


async def test_statuses_of_many_files_are_all_collected(adapter, agencies):
    await agencies.order("behaviour", "cpam", statuses=False)
    for _ in range(30):
        await adapter.deliver([referral()])
    await agencies.order("behaviour", "cpam", statuses=True)
    cursor, words = None, []
    async with asyncio.timeout(20):
        while len(words) < 90:
            page = await adapter.collect(cursor)
            words += [each.word for each in page.statuses]
            cursor = page.cursor
            await asyncio.sleep(0.02)
    assert words.count("CLOS") == 30


async def test_a_wrong_password_needs_a_person(agencies):
    async with adapting(agencies.address("cpam"), password="another") as adapter:
        with pytest.raises(PartnerNeedsAttention, match="unauthorized"):
            await adapter.deliver([referral()])
        with pytest.raises(PartnerNeedsAttention, match="unauthorized"):
            await adapter.look_up(referral())
        with pytest.raises(PartnerNeedsAttention, match="unauthorized"):
            await adapter.collect(None)
    assert (await agencies.ledger("cpam"))["entries"] == []


async def test_a_clock_that_is_wrong_needs_a_person(agencies):
    clock = MovableClock(datetime.now(UTC) - timedelta(hours=1))
    async with adapting(agencies.address("cpam"), clock=clock) as adapter:
        with pytest.raises(PartnerNeedsAttention, match="unauthorized"):
            await adapter.deliver([referral()])


FAULTS = {
    "garbage": (OutcomeUnknown, "unreadable_answer"),
    "html": (OutcomeUnknown, "unreadable_answer"),
    "truncated": (OutcomeUnknown, "unreadable_answer"),
    "huge": (OutcomeUnknown, "answer_too_long"),
    "redirect": (PartnerNeedsAttention, "redirect"),
    "429": (PartnerUnavailable, "http_429"),
    "500": (OutcomeUnknown, "http_500"),
    "cut_after_accept": (OutcomeUnknown, "line_cut"),
    "unauthorized": (PartnerNeedsAttention, "unauthorized"),
    "refuse": (PartnerRefused, "http_422"),
    "slow": (OutcomeUnknown, "timed_out"),
    "trickle": (OutcomeUnknown, "timed_out"),
    "down": (PartnerUnavailable, "connection_refused"),
    "fault_server": (OutcomeUnknown, "fault_server"),
    "fault_client": (PartnerRefused, "fault_client"),
    "fault_unavailable": (PartnerUnavailable, "fault_indisponible"),
    "expired_credentials": (PartnerNeedsAttention, "unauthorized"),
    "entities": (OutcomeUnknown, "unreadable_answer"),
    "billion_laughs": (OutcomeUnknown, "unreadable_answer"),
}


def test_every_fault_of_the_panel_is_met(agencies):
    possible = agencies.simulators["cpam"].possible_faults
    assert set(FAULTS) == possible - STATUS_FAULTS  # what is said of it later is no delivery


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_each_fault_means_for_a_delivery(agencies, fault):
    failure, reason = FAULTS[fault]
    delivery = referral()
    assert await agencies.order("faults", "cpam", fault=fault) == 200
    timeout = 0.5 if fault in {"slow", "trickle"} else 5
    async with adapting(agencies.address("cpam"), timeout=timeout) as adapter:
        with pytest.raises(failure) as raised:
            await adapter.deliver([delivery])
        assert raised.value.reason == reason
        assert "exemple" not in str(raised.value)
        await agencies.order("faults", "cpam", fault=None)
        # What is certain is true: it has what it filed, and nothing else.
        was_filed = await adapter.look_up(delivery) is not None
    assert not was_filed or failure is OutcomeUnknown


@pytest.mark.parametrize(
    "fault", sorted(set(FAULTS) - {"slow", "trickle", "truncated", "cut_after_accept"})
)
async def test_in_trouble_a_look_up_and_a_poll_claim_nothing(agencies, fault):
    await agencies.order("faults", "cpam", fault=fault)
    async with adapting(agencies.address("cpam")) as adapter:
        with pytest.raises((PartnerUnavailable, OutcomeUnknown, PartnerNeedsAttention)):
            await adapter.look_up(referral())
        with pytest.raises(
            (PartnerUnavailable, OutcomeUnknown, PartnerNeedsAttention, PartnerRefused)
        ):
            await adapter.collect("c1")
