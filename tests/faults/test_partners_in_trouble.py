"""An agency whose system fails, in every way: nothing lost, nothing twice, nobody else delayed."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.end_to_end.agencies import ALL, Agencies
from tests.end_to_end.counter import (
    PATIENCE,
    Counter,
    Door,
    Receipt,
    referral_of,
    repeated_lines,
    told,
)

pytestmark = pytest.mark.usefixtures("on_duty")

FAULTS = [
    "html", "garbage", "truncated", "huge", "redirect", "429", "500",
    "cut_after_accept", "slow", "down", "unauthorized",
]  # fmt: skip
SOAP_FAULTS = [
    "fault_server", "fault_unavailable", "expired_credentials", "entities", "billion_laughs",
]  # fmt: skip
FILES_NOTHING = frozenset([*FAULTS, *SOAP_FAULTS]) - {
    "truncated", "cut_after_accept", "slow", "fault_server",
}  # fmt: skip
"""Of the others, the agency has the referral and we cannot know."""
SLOW_SECONDS = 2.5
"""Longer than we wait for an answer, shorter than we wait before we look a referral up."""
EACH = 4
TROUBLED = (("caf", "cpam", "edf"), ("engie",))
"""OAuth2 with callbacks, and two that open a file for each POST, by SOAP and by REST; webhook."""
TROUBLES = [
    *((troubled, fault) for troubled in TROUBLED for fault in FAULTS),
    *((("cpam",), fault) for fault in SOAP_FAULTS),
]


async def submit_to(counter: Counter, partner_ids: Sequence[str], each: int) -> list[Receipt]:
    return await asyncio.gather(
        *(
            counter.submit(f"Question {number}", to=[partner_id])
            for partner_id in partner_ids
            for number in range(each)
        )
    )


async def check_delivered_once(
    counter: Counter, agencies: Agencies, receipts: Sequence[Receipt]
) -> None:
    """Every one is with its agency, once, and the timeline says it once."""
    cases = await asyncio.gather(*(counter.until_delivered(each.case_id) for each in receipts))
    for case in cases:
        [referral] = case["referrals"]
        # A queue or an inbox has it before the people there have read it.
        entry = await agencies.until_received(
            referral["partner_id"], referral_id=referral["referral_id"]
        )
        assert entry["times"] == 1, case["reference"]
        assert len(told(case, "referral.delivered")) == 1
        assert told(case, "referral.delivery_parked") == []
        assert repeated_lines(case) == []


async def until_operations_see(operations: Door, troubled: Sequence[str]) -> None:
    """Until the trouble of each was met often enough for its breaker to open."""
    async with asyncio.timeout(PATIENCE):
        for partner_id in troubled:
            while True:
                answer = await operations.get(f"/api/v1/partners/{partner_id}")
                if answer.content["breaker"] != "closed":
                    break
                await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("troubled", "fault"),
    TROUBLES,
    ids=lambda each: each if isinstance(each, str) else "-".join(each),
)
async def test_an_agency_in_trouble_loses_nothing_and_gets_nothing_twice(
    counter: Counter,
    agencies: Agencies,
    operations: Door,
    troubled: tuple[str, ...],
    fault: str,
) -> None:
    healthy = [partner_id for partner_id in ALL if partner_id not in troubled]
    seconds = {"slow": SLOW_SECONDS, "429": 1.0}.get(fault)
    await agencies.behave(troubled, statuses=False)  # a status would prove a lost delivery
    try:
        async with agencies.broken(troubled, fault, seconds=seconds):
            theirs = await submit_to(counter, troubled, EACH)
            others = await submit_to(counter, healthy, 1)
            # The neighbours are served while the trouble lasts.
            await check_delivered_once(counter, agencies, others)
            await until_operations_see(operations, troubled)
            if fault in FILES_NOTHING:
                for receipt in theirs:
                    case = await counter.show(receipt.case_id)
                    assert told(case, "referral.delivered") == []
        # Operations look at an agency that turned us away; the next request finds it well.
        theirs += await submit_to(counter, troubled, 1)
        await check_delivered_once(counter, agencies, theirs)
    finally:
        await agencies.behave(troubled, statuses=True)


MAIL_FAULTS = [
    "down", "garbage", "greylist", "no_starttls", "expired_certificate", "unauthorized",
]  # fmt: skip
SFTP_FAULTS = [
    "down", "slow", "unauthorized", "wrong_host_key", "permission_denied", "disk_full",
]  # fmt: skip
NOT_TAKEN = [
    *(("sncf", fault) for fault in MAIL_FAULTS),
    *(("laposte", fault) for fault in SFTP_FAULTS),
]
"""The agency has nothing, and we know it."""


@pytest.mark.parametrize(("partner_id", "fault"), NOT_TAKEN)
async def test_what_certainly_was_not_taken_is_sent_again_by_itself(
    counter: Counter, agencies: Agencies, operations: Door, partner_id: str, fault: str
) -> None:
    await agencies.behave([partner_id], statuses=False)
    try:
        seconds = SLOW_SECONDS if fault == "slow" else None
        async with agencies.broken([partner_id], fault, seconds=seconds):
            theirs = await submit_to(counter, [partner_id], EACH)
            others = await submit_to(counter, [each for each in ALL if each != partner_id], 1)
            await check_delivered_once(counter, agencies, others)
            await until_operations_see(operations, [partner_id])
            for receipt in theirs:
                case = await counter.show(receipt.case_id)
                assert told(case, "referral.delivered") == []
        theirs += await submit_to(counter, [partner_id], 1)
        await check_delivered_once(counter, agencies, theirs)
        for receipt in theirs:
            case = await counter.show(receipt.case_id)
            assert told(case, "referral.delivery_uncertain") == []
    finally:
        await agencies.behave([partner_id], statuses=True)


@pytest.mark.parametrize("fault", ["cut_before_accept", "cut_after_accept"])
async def test_a_batch_cut_at_its_last_step_is_looked_up_and_filed_once(
    counter: Counter, agencies: Agencies, fault: str
) -> None:
    await agencies.behave(["laposte"], statuses=False)
    try:
        async with agencies.broken(["laposte"], fault):
            theirs = await submit_to(counter, ["laposte"], EACH)
            others = await submit_to(counter, [each for each in ALL if each != "laposte"], 1)
            await check_delivered_once(counter, agencies, others)
            if fault == "cut_after_accept":
                await check_delivered_once(counter, agencies, theirs)
        theirs += await submit_to(counter, ["laposte"], 1)
        await check_delivered_once(counter, agencies, theirs)
    finally:
        await agencies.behave(["laposte"], statuses=True)


@pytest.mark.parametrize("fault", ["truncated", "garbage", "duplicate", "out_of_order"])
async def test_files_that_come_half_twice_or_late_lose_nothing_and_move_nothing_back(
    counter: Counter, agencies: Agencies, fault: str
) -> None:
    async with agencies.broken(["laposte"], fault):
        receipts = await submit_to(counter, ["laposte"], EACH)
        for receipt in receipts:
            case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")
            changes = told(case, "referral.status_changed")
            steps = [line["facts"]["status"] for line in changes]
            known = ["acknowledged", "in_progress", "resolved"]
            assert steps == [step for step in known if step in steps]
            assert {"acknowledged", "resolved"} <= {*steps}


async def test_a_line_refused_in_an_acknowledgement_is_the_agency_s_refusal(
    counter: Counter, agencies: Agencies
) -> None:
    async with agencies.broken(["laposte"], "refuse"):
        receipt = await counter.submit("Question", to=["laposte"])
        case = await counter.until(
            receipt.case_id, lambda case: bool(told(case, "referral.status_changed"))
        )
    [change] = told(case, "referral.status_changed")
    assert change["facts"]["status"] == "refused"
    assert change["facts"]["refusal_reason"] == "incomplete"


@pytest.mark.parametrize("fault", ["cut_after_accept", "slow"])
@pytest.mark.parametrize("settled_by", ["the agency's answer", "a person"])
async def test_a_mail_that_may_have_arrived_is_never_sent_twice(
    counter: Counter, agencies: Agencies, fault: str, settled_by: str
) -> None:
    await agencies.behave(["sncf"], statuses=settled_by == "the agency's answer")
    try:
        async with agencies.broken(["sncf"], fault, seconds=SLOW_SECONDS):
            theirs = await submit_to(counter, ["sncf"], EACH)
            others = await submit_to(counter, [each for each in ALL if each != "sncf"], 1)
            for receipt in theirs:
                await counter.until(
                    receipt.case_id, lambda case: bool(told(case, "referral.delivery_uncertain"))
                )
            await check_delivered_once(counter, agencies, others)
        await check_delivered_once(counter, agencies, theirs)
    finally:
        await agencies.behave(["sncf"], statuses=True)


@pytest.mark.parametrize(
    ("fault", "steps"),
    [
        ("duplicate", ["acknowledged", "in_progress", "resolved"]),
        ("out_of_order", ["in_progress", "resolved"]),
    ],
)
async def test_answers_that_come_twice_or_late_move_nothing_back(
    counter: Counter, agencies: Agencies, fault: str, steps: list[str]
) -> None:
    async with agencies.broken(["sncf"], fault):
        receipts = await submit_to(counter, ["sncf"], EACH)
        for receipt in receipts:
            await counter.until(
                receipt.case_id,
                lambda case: "in_progress" in str(told(case, "referral.status_changed")),
            )
    for receipt in receipts:
        case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")
        changes = told(case, "referral.status_changed")
        assert [line["facts"]["status"] for line in changes] == steps


async def test_a_mail_refused_as_it_stands_waits_for_a_person(
    counter: Counter, agencies: Agencies
) -> None:
    async with agencies.broken(["sncf"], "refuse"):
        receipt = await counter.submit("Question", to=["sncf"])
        case = await counter.until(
            receipt.case_id, lambda case: bool(told(case, "referral.delivery_parked"))
        )
    [parked] = told(case, "referral.delivery_parked")
    assert parked["facts"]["reason"] == "smtp_554"


@pytest.mark.parametrize(
    ("partner_id", "fault", "reason"),
    [("engie", "refuse", "http_422"), ("cpam", "fault_client", "fault_client")],
)
async def test_what_an_agency_refuses_as_it_stands_waits_for_a_person(
    counter: Counter, agencies: Agencies, partner_id: str, fault: str, reason: str
) -> None:
    async with agencies.broken([partner_id], fault):
        receipt = await counter.submit("Question", to=[partner_id, "caf"])
        case = await counter.until(
            receipt.case_id, lambda case: bool(told(case, "referral.delivery_parked"))
        )
    [parked] = told(case, "referral.delivery_parked")
    assert parked["facts"]["reason"] == reason
    assert parked["facts"]["owner"]
    referral = referral_of(case, partner_id)
    delivery = referral["delivery"]
    assert (delivery["state"], delivery["attempt"]) == ("parked", 1)  # never again as it stands
    await counter.until(
        receipt.case_id, lambda case: referral_of(case, "caf")["status"] == "resolved"
    )
    assert await agencies.received(partner_id, referral_id=referral["referral_id"]) == []


async def test_callbacks_and_polls_that_were_missed_are_caught_up(
    counter: Counter, agencies: Agencies
) -> None:
    """The agencies worked on while their doors were shut: every step is told, in order."""
    receipts = await submit_to(counter, ("edf", "sncf"), 3)
    await asyncio.gather(*(counter.until_delivered(each.case_id) for each in receipts))
    async with agencies.broken(["edf", "sncf"], "down"):
        await asyncio.sleep(1)
    for receipt in receipts:
        case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")
        assert [line["facts"]["status"] for line in told(case, "referral.status_changed")] == [
            "acknowledged", "in_progress", "resolved",
        ]  # fmt: skip
