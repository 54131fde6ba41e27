"""The simulated agency that is told by signed messages."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.partner_simulators.running import Agencies

Form = Callable[..., dict[str, Any]]


def issued(form: dict[str, Any]) -> dict[str, Any]:
    return {"type": "referral.issued", "data": form}


async def test_the_same_referral_twice_opens_one_file(agencies: Agencies, referral: Form) -> None:
    message = issued(referral())
    first = await agencies.tell("engie", message)
    again = await agencies.tell("engie", message)
    assert first == again
    assert first[0] == 200
    assert agencies.simulators["engie"].office.files == 1
    [entry] = (await agencies.ledger("engie"))["entries"]
    assert (entry["times"], entry["presented"]) == (1, 2)


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-signature": "v1,bm90IHlvdXJz"},
        {"webhook-id": "another"},
        {"webhook-timestamp": "soon"},
    ],
)
async def test_what_is_not_signed_by_its_key_is_not_let_in(
    agencies: Agencies, referral: Form, headers: dict[str, str]
) -> None:
    status, _ = await agencies.tell("engie", issued(referral()), **headers)
    assert status == 401
    assert (await agencies.ledger("engie"))["entries"] == []


async def test_a_stale_message_is_not_let_in(agencies: Agencies, referral: Form) -> None:
    stamp = str(int((agencies.clock() - timedelta(hours=1)).timestamp()))
    status, _ = await agencies.tell("engie", issued(referral()), **{"webhook-timestamp": stamp})
    assert status == 401


async def test_answers_and_withdrawals_are_taken_for_what_it_has(
    agencies: Agencies, referral: Form
) -> None:
    form = referral()
    moment = "2026-11-23T10:00:00Z"
    answer = {"answer_id": str(uuid4()), "text": "voici", "answered_at": moment}
    answered = {
        "type": "referral.answer_given",
        "data": {"referral_id": form["referral_id"], **answer},
    }
    recalled = {
        "type": "referral.recalled",
        "data": {"referral_id": form["referral_id"], "withdrawn_at": moment},
    }
    assert (await agencies.tell("engie", answered))[0] == 422
    assert (await agencies.tell("engie", recalled))[0] == 200  # nothing is left to withdraw
    await agencies.tell("engie", issued(form))
    assert (await agencies.tell("engie", answered))[0] == 200
    assert (await agencies.tell("engie", recalled))[0] == 200
    entries = (await agencies.ledger("engie"))["entries"]
    assert sorted(entry["what"] for entry in entries) == ["answer", "referral", "withdrawal"]


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ([], 400),
        ({"type": "referral.issued"}, 422),
        ({"type": "referral.lost", "data": {}}, 422),
        ({"type": "referral.issued", "data": {"referral_id": "x"}}, 422),
    ],
    ids=json.dumps,
)
async def test_a_wrong_message_is_refused(agencies: Agencies, message: Any, status: int) -> None:
    assert (await agencies.tell("engie", message))[0] == status
