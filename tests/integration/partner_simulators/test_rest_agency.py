"""A simulated agency with an HTTP API, seen through a real client."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from standardwebhooks.webhooks import Webhook

from tests.integration.partner_simulators.running import (
    WEBHOOK_SECRET,
    Agencies,
    Callbacks,
    eventually,
)

Form = Callable[..., dict[str, Any]]


async def statuses_of(agencies: Agencies, partner_id: str, count: int) -> list[dict[str, Any]]:
    """The first `count` statuses of a polled agency, read page by page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    async with asyncio.timeout(30):
        while len(found) < count:
            _, page = await agencies.get(partner_id, f"/statuses?limit=2&after={cursor}")
            found += page["statuses"]
            cursor = page["cursor"]
    return found


async def bearer(agencies: Agencies, secret: str = "caf-secret") -> aiohttp.ClientResponse:
    return await agencies.http.post(
        agencies.address("caf") + "/oauth/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": aiohttp.encode_basic_auth("caf-client", secret)},
    )


async def test_a_wrong_key_is_not_let_in(agencies: Agencies, referral: Form) -> None:
    status, _ = await agencies.hand_in("edf", referral(), **{"X-Api-Key": "wrong"})
    assert status == 401
    assert (await agencies.ledger("edf"))["entries"] == []


async def test_oauth2_gives_a_token_that_expires(agencies: Agencies, referral: Form) -> None:
    async with await bearer(agencies) as response:
        token = (await response.json())["access_token"]
    authorization = {"Authorization": f"Bearer {token}"}
    assert (await agencies.hand_in("caf", referral(), **authorization))[0] == 201
    agencies.clock.ahead = timedelta(hours=1)
    assert (await agencies.hand_in("caf", referral(), **authorization))[0] == 401
    async with await bearer(agencies) as response:
        renewed = (await response.json())["access_token"]
    form = referral()
    assert (await agencies.hand_in("caf", form, Authorization=f"Bearer {renewed}"))[0] == 201


async def test_a_wrong_client_secret_gets_no_token(agencies: Agencies) -> None:
    async with await bearer(agencies, "wrong") as response:
        assert response.status == 401


async def test_the_same_referral_again_gets_the_first_answer(
    agencies: Agencies, referral: Form
) -> None:
    async with await bearer(agencies) as response:
        token = (await response.json())["access_token"]
    form, authorization = referral(), {"Authorization": f"Bearer {token}"}
    first = await agencies.hand_in("caf", form, **authorization)
    again = await agencies.hand_in("caf", form, **authorization)
    assert (first[0], again[0]) == (201, 200)
    assert first[1] == again[1]
    assert first[1]["reference"].startswith("CAF-")
    ledger = await agencies.ledger("caf")
    assert ledger["duplicates"] == 0
    assert ledger["entries"][0]["body"] == form
    assert (ledger["entries"][0]["times"], ledger["entries"][0]["presented"]) == (1, 2)


async def test_edf_opens_a_second_file_for_the_same_referral(
    agencies: Agencies, referral: Form
) -> None:
    form = referral()
    first = await agencies.hand_in("edf", form)
    again = await agencies.hand_in("edf", form)
    assert (first[0], again[0]) == (201, 201)
    assert first[1] != again[1]
    assert (await agencies.ledger("edf"))["duplicates"] == 1


async def test_a_wrong_form_is_refused_with_the_names_of_its_fields(
    agencies: Agencies, referral: Form
) -> None:
    form = referral(channel="fax", visitor={"birth_date": "1950-01-02"})
    status, answer = await agencies.hand_in("edf", form)
    assert status == 422
    assert [wrong["field"] for wrong in answer["errors"]] == ["channel", "visitor.birth_date"]
    assert (await agencies.ledger("edf"))["entries"] == []


async def test_a_key_that_is_not_the_referral_is_refused(
    agencies: Agencies, referral: Form
) -> None:
    status, answer = await agencies.hand_in("edf", referral(), **{"Idempotency-Key": str(uuid4())})
    assert (status, answer["errors"][0]["field"]) == (422, "Idempotency-Key")


async def test_a_body_over_a_megabyte_is_too_large(agencies: Agencies, referral: Form) -> None:
    async with agencies.http.post(
        agencies.address("edf") + "/referrals",
        data=b"x" * 2_000_000,
        headers={"X-Api-Key": "key-of-the-tests"},
    ) as response:
        assert response.status == 413


async def test_a_file_is_found_by_our_reference(agencies: Agencies, referral: Form) -> None:
    form = referral()
    _, accepted = await agencies.hand_in("edf", form)
    status, found = await agencies.get("edf", f"/referrals/{form['referral_id']}")
    assert (status, found["reference"]) == (200, accepted["reference"])
    assert found["status"] in {"ENREGISTREE", "EN_TRAITEMENT", "TERMINEE"}


async def test_a_referral_never_received_is_not_found(agencies: Agencies) -> None:
    assert (await agencies.get("edf", f"/referrals/{uuid4()}"))[0] == 404


async def test_statuses_are_read_by_polling_in_order(agencies: Agencies, referral: Form) -> None:
    form = referral()
    await agencies.hand_in("edf", form)
    statuses = await statuses_of(agencies, "edf", 3)
    assert [each["status"] for each in statuses] == ["ENREGISTREE", "EN_TRAITEMENT", "TERMINEE"]
    assert len({each["id"] for each in statuses}) == 3
    assert {each["referral_id"] for each in statuses} == {form["referral_id"]}


async def test_an_unreadable_cursor_is_refused(agencies: Agencies) -> None:
    assert (await agencies.get("edf", "/statuses?after=hello"))[0] == 400


async def test_callbacks_are_signed_and_in_order(
    agencies: Agencies, callbacks: tuple[Callbacks, str], referral: Form
) -> None:
    seen, _ = callbacks
    form = referral()
    await agencies.tell("engie", {"type": "referral.issued", "data": form})
    await eventually(lambda: len(seen.received) >= 3)
    assert seen.words(form["referral_id"]) == ["received", "processing", "done"]
    for call in seen.received:
        assert call["path"] == "/partners/engie/status"
        assert Webhook(WEBHOOK_SECRET).verify(call["text"], call["headers"]) == call["message"]


async def test_callbacks_are_tried_again_until_they_are_taken(
    agencies: Agencies, callbacks: tuple[Callbacks, str], referral: Form
) -> None:
    seen, _ = callbacks
    seen.answers += [503, 500]
    form = referral()
    await agencies.tell("engie", {"type": "referral.issued", "data": form})
    await eventually(lambda: len(seen.received) >= 5)
    assert seen.words(form["referral_id"]) == ["received", "processing", "done"]
    ids = [call["headers"]["webhook-id"] for call in seen.received]
    assert ids[0] == ids[1] == ids[2]


async def test_a_callback_that_is_refused_for_good_does_not_hold_up_the_next(
    agencies: Agencies, callbacks: tuple[Callbacks, str], referral: Form
) -> None:
    seen, _ = callbacks
    seen.answers += [404]
    form = referral()
    await agencies.tell("engie", {"type": "referral.issued", "data": form})
    await eventually(lambda: len(seen.received) >= 3)
    assert seen.words(form["referral_id"]) == ["processing", "done"]
    assert agencies.simulators["engie"].outgoing.given_up == 1


async def test_a_question_is_asked_and_its_answer_moves_the_file_on(
    agencies: Agencies, referral: Form
) -> None:
    await agencies.order("behaviour", "edf", outcome="needs_information")
    form = referral()
    await agencies.hand_in("edf", form)
    asked = (await statuses_of(agencies, "edf", 3))[-1]
    assert asked["status"] == "INFO_CLIENT"
    assert asked["message"].endswith("?")

    path = f"/referrals/{form['referral_id']}/answers"
    answer = {"answer_id": "a-1", "text": "Le 6A123", "answered_at": "2026-11-23T11:00:00Z"}
    assert (await agencies.post("edf", path, answer))[0] == 202
    assert (await agencies.post("edf", path, answer))[0] == 202
    words = [each["status"] for each in await statuses_of(agencies, "edf", 5)]
    assert words[3:] == ["EN_TRAITEMENT", "TERMINEE"]
    answers = [e for e in (await agencies.ledger("edf"))["entries"] if e["what"] == "answer"]
    assert [(e["times"], e["presented"]) for e in answers] == [(1, 2)]


async def test_an_ordered_refusal_is_told_with_its_reason(
    agencies: Agencies, referral: Form
) -> None:
    await agencies.order("behaviour", "edf", outcome="refused:outside_area")
    await agencies.hand_in("edf", referral())
    refused = (await statuses_of(agencies, "edf", 3))[-1]
    assert (refused["status"], refused["reason"]) == ("REFUSEE", "hors_secteur")
    assert refused["message"]


async def test_a_withdrawn_file_stays_where_it_is(agencies: Agencies, referral: Form) -> None:
    await agencies.order("behaviour", "edf", pace=3600)
    form = referral()
    await agencies.hand_in("edf", form)
    path = f"/referrals/{form['referral_id']}/withdrawal"
    withdrawal = {"withdrawn_at": "2026-11-23T11:00:00Z"}
    assert (await agencies.post("edf", path, withdrawal))[0] == 202
    office = agencies.simulators["edf"].office
    assert office.move_on(office.find_file(form["referral_id"])) is None
    entries = (await agencies.ledger("edf"))["entries"]
    assert [entry["what"] for entry in entries] == ["referral", "withdrawal"]


async def test_an_answer_to_an_unknown_referral_is_not_found(agencies: Agencies) -> None:
    answer = {"answer_id": "a", "text": "oui", "answered_at": "2026-11-23T11:00:00Z"}
    assert (await agencies.post("edf", f"/referrals/{uuid4()}/answers", answer))[0] == 404


async def test_silent_agencies_speak_up_when_told_to(agencies: Agencies, referral: Form) -> None:
    await agencies.order("behaviour", "edf", statuses=False)
    form = referral()
    await agencies.hand_in("edf", form)
    assert agencies.simulators["edf"].office.find_file(form["referral_id"]).moving is False
    await agencies.order("behaviour", "edf", statuses=True)
    assert len(await statuses_of(agencies, "edf", 3)) == 3


@pytest.mark.parametrize(
    ("fault", "status", "filed"),
    [("429", 429, 0), ("500", 500, 0), ("unauthorized", 401, 0), ("refuse", 422, 0)],
)
async def test_faults_that_are_plain_statuses(
    agencies: Agencies, referral: Form, fault: str, status: int, filed: int
) -> None:
    await agencies.order("faults", "edf", fault=fault, seconds=7)
    form = referral()
    async with agencies.http.post(
        agencies.address("edf") + "/referrals",
        json=form,
        headers={"X-Api-Key": "key-of-the-tests", "Idempotency-Key": form["referral_id"]},
    ) as response:
        assert response.status == status
        assert (response.headers.get("Retry-After") == "7") is (fault == "429")
    assert len((await agencies.ledger("edf"))["entries"]) == filed


async def handed_in_raw(agencies: Agencies, form: dict[str, Any]) -> tuple[int, str, bytes]:
    async with agencies.http.post(
        agencies.address("edf") + "/referrals",
        json=form,
        headers={"X-Api-Key": "key-of-the-tests", "Idempotency-Key": form["referral_id"]},
        allow_redirects=False,
    ) as response:
        return response.status, response.content_type, await response.read()


@pytest.mark.parametrize("fault", ["garbage", "truncated"])
async def test_faults_that_are_not_json(agencies: Agencies, referral: Form, fault: str) -> None:
    await agencies.order("faults", "edf", fault=fault, count=1)
    status, _, body = await handed_in_raw(agencies, referral())
    assert status in {200, 201}
    with pytest.raises(ValueError):
        json.loads(body)
    filed = len((await agencies.ledger("edf"))["entries"])
    assert filed == (1 if fault == "truncated" else 0)


async def test_a_maintenance_page_is_html(agencies: Agencies, referral: Form) -> None:
    await agencies.order("faults", "edf", fault="html", count=1)
    assert (await handed_in_raw(agencies, referral()))[:2] == (200, "text/html")


async def test_a_redirect_leads_elsewhere(agencies: Agencies, referral: Form) -> None:
    await agencies.order("faults", "edf", fault="redirect", count=1)
    assert (await handed_in_raw(agencies, referral()))[0] == 302


async def test_a_huge_answer_is_ten_megabytes(agencies: Agencies, referral: Form) -> None:
    await agencies.order("faults", "edf", fault="huge", count=1)
    _, _, body = await handed_in_raw(agencies, referral())
    assert len(body) == 10 * 1024 * 1024


async def test_a_client_that_hangs_up_on_a_huge_answer_harms_nobody(
    agencies: Agencies, referral: Form, caplog: pytest.LogCaptureFixture
) -> None:
    await agencies.order("faults", "edf", fault="huge", count=1)
    form = referral()
    async with agencies.http.post(
        agencies.address("edf") + "/referrals", json=form, headers={"X-Api-Key": "k"}
    ) as response:
        await response.content.read(1000)
        response.close()
    assert (await agencies.hand_in("edf", form))[0] == 201
    assert caplog.records == []


async def test_a_slow_agency_still_files(agencies: Agencies, referral: Form) -> None:
    await agencies.order("faults", "edf", fault="slow", seconds=0.05, count=1)
    assert (await agencies.hand_in("edf", referral()))[0] == 201


async def test_a_slow_agency_files_what_it_was_given_though_nobody_waits_any_more(
    agencies: Agencies, referral: Form
) -> None:
    await agencies.order("faults", "edf", fault="slow", seconds=0.5, count=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await agencies.hand_in("edf", referral())
    await eventually(lambda: agencies.simulators["edf"].office.files == 1)


async def test_a_line_cut_after_accepting_leaves_a_file(agencies: Agencies, referral: Form) -> None:
    await agencies.order("faults", "edf", fault="cut_after_accept", count=1)
    form = referral()
    with pytest.raises(aiohttp.ClientError):
        await agencies.hand_in("edf", form)
    status, _ = await agencies.get("edf", f"/referrals/{form['referral_id']}")
    assert status == 200


async def test_an_agency_that_is_down_refuses_connections_until_healed(
    agencies: Agencies, referral: Form
) -> None:
    form = referral()
    await agencies.hand_in("edf", form)  # leaves a kept-alive connection, which must go too
    await agencies.order("faults", "edf", fault="down")
    with pytest.raises(aiohttp.ClientConnectorError):
        await agencies.hand_in("edf", referral())
    await agencies.order("faults", "edf", fault=None)
    assert (await agencies.get("edf", f"/referrals/{form['referral_id']}"))[0] == 200


async def test_an_agency_that_is_down_for_a_while_heals_by_itself(agencies: Agencies) -> None:
    await agencies.order("faults", "edf", fault="down", seconds=0.05)
    async with asyncio.timeout(30):
        while True:
            try:
                status, _ = await agencies.get("edf", f"/referrals/{uuid4()}")
            except aiohttp.ClientError:
                await asyncio.sleep(0.01)
                continue
            assert status == 404
            return


async def test_a_counted_fault_is_not_used_up_by_polling(
    agencies: Agencies, referral: Form
) -> None:
    await agencies.order("faults", "edf", fault="500", count=1)
    assert (await agencies.get("edf", "/statuses"))[0] == 200
    assert (await agencies.hand_in("edf", referral()))[0] == 500
    assert (await agencies.hand_in("edf", referral()))[0] == 201


async def test_the_control_port_refuses_what_it_does_not_know(agencies: Agencies) -> None:
    assert await agencies.order("faults", "edf", fault="on_fire") == 422
    assert await agencies.order("faults", "edf", fault="down", count=2) == 422
    assert await agencies.order("faults", "ratp", fault="down") == 404
    assert await agencies.order("behaviour", "edf", outcome="perhaps") == 422


async def test_a_cleared_ledger_is_empty_and_the_files_stay(
    agencies: Agencies, referral: Form
) -> None:
    form = referral()
    await agencies.hand_in("edf", form)
    async with agencies.http.delete(f"{agencies.control}/ledger/edf") as response:
        assert response.status == 204
    assert await agencies.ledger("edf") == {"entries": [], "duplicates": 0}
    assert agencies.simulators["edf"].office.files == 1


async def test_health_lists_the_partners(agencies: Agencies) -> None:
    async with agencies.http.get(f"{agencies.control}/health") as response:
        partners = (await response.json())["partners"]
    assert {*partners} == {"caf", "engie", "edf"}
    assert partners["edf"]["address"] == agencies.address("edf")
    assert "cut_after_accept" in partners["edf"]["possible_faults"]
