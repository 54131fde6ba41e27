"""Operations by API, on the whole service as a process."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from aiohttp import web

from tests.infrastructure import KafkaAddresses
from tests.integration.partner_adapters.running_service import Service, running_service
from tests.integration.partner_adapters.stub_partner import accept, stub_partner

DELIVERED = "referral.delivered.v1"
PARKED = "referral.delivery_parked.v1"
RESUMED = "referral.delivery_resumed.v1"
OPERATIONS = ("operations",)


@pytest.fixture(scope="module")
async def stub():
    async with stub_partner() as stub:
        yield stub


@pytest.fixture(scope="module")
async def service(stub, database_url, kafka_addresses: KafkaAddresses, tmp_path_factory):
    async with running_service(
        database_url=database_url,
        kafka=kafka_addresses,
        partner_address=stub.address,
        folder=tmp_path_factory.mktemp("partners"),
    ) as service:
        yield service


async def refuse(request: web.BaseRequest) -> web.StreamResponse:
    return web.json_response({"error": "birth_date is missing"}, status=422)


async def parked(service: Service, stub):
    """A referral that the partner refused, although it would take it now."""
    stub.answer = refuse
    event = await service.issue(service.rest)
    await service.told(event.referral_id, PARKED)
    stub.answer = accept
    return event


async def ask(service: Service, method, path, content=None):
    return await service.call(method, f"/api/v1{path}", roles=OPERATIONS, json=content)


async def listed(service: Service, event, **query):
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    status, page = await ask(service, "GET", f"/deliveries?partner={service.rest}&{asked}")
    assert status == 200
    return [each for each in page["deliveries"] if each["referral_id"] == str(event.referral_id)]


async def test_a_parked_delivery_is_found_retried_and_delivered(service: Service, stub):
    event = await parked(service, stub)
    [delivery] = await listed(service, event)
    assert (delivery["state"], delivery["attempts"], delivery["owner"]) == (
        "parked",
        1,
        "operations",
    )
    status, life = await ask(service, "POST", f"/deliveries/{delivery['delivery_id']}/retry")
    assert status == 200
    assert [(each["action"], each["account"]) for each in life["actions"]] == [
        ("retried", "someone")
    ]
    assert await service.told(event.referral_id, DELIVERED) == [PARKED, RESUMED, DELIVERED]
    status, problem = await ask(service, "POST", f"/deliveries/{delivery['delivery_id']}/retry")
    assert (status, problem["type"]) == (409, "urn:aiguillage:problem:delivery-not-to-be-retried")
    assert await listed(service, event) == []


async def test_a_replay_is_previewed_then_done_and_harmless_when_done_again(service: Service, stub):
    events = [await parked(service, stub) for _ in range(3)]
    path = f"/partners/{service.rest}/replay"
    status, dry = await ask(service, "POST", path, {})
    assert (status, dry["dry_run"], dry["replayed"]) == (200, True, 0)
    assert dry["found"] == sum(dry["reasons"].values()) >= 3
    asked = {"dry_run": False, "parked_before": dry["parked_before"]}
    status, done = await ask(service, "POST", path, asked)
    assert (status, done["replayed"]) == (200, dry["found"])
    for event in events:
        assert await service.told(event.referral_id, DELIVERED) == [PARKED, RESUMED, DELIVERED]
    assert (await ask(service, "POST", path, asked))[1]["replayed"] == 0


async def test_a_whole_life_is_shown_and_the_agencys_words_only_when_opened(service, stub):
    event = await parked(service, stub)
    path = f"/referrals/{event.referral_id}"
    _, closed = await ask(service, "GET", path)
    [attempt] = closed["deliveries"][0]["attempts"]
    assert (attempt["outcome"], attempt["reason"], attempt["answer"]) == (
        "refused",
        "http_422",
        None,
    )
    assert (closed["reference"], closed["opened"], closed["actions"]) == ("K7M4-QX9T", False, [])
    _, opened = await ask(service, "GET", f"{path}?opened=true")
    [attempt] = opened["deliveries"][0]["attempts"]
    assert "birth_date is missing" in attempt["answer"]
    assert [each["action"] for each in opened["actions"]] == ["looked_at_words"]
    assert (await ask(service, "GET", f"/referrals/{uuid4()}"))[0] == 404


async def test_calls_of_the_last_hour_are_counted(service: Service, stub):
    path = f"/partners/{service.rest}"
    _, before = await ask(service, "GET", path)
    event = await parked(service, stub)
    [delivery] = await listed(service, event)
    await ask(service, "POST", f"/deliveries/{delivery['delivery_id']}/retry")
    await service.told(event.referral_id, DELIVERED)
    _, after = await ask(service, "GET", path)
    names = ("delivered_last_hour", "failed_last_hour")
    assert [after[name] - before[name] for name in names] == [1, 1]
    _, page = await ask(service, "GET", "/partners")
    [listed_one] = [each for each in page["partners"] if each["partner_id"] == service.rest]
    assert listed_one["delivered_last_hour"] == after["delivered_last_hour"]
    assert (listed_one["opens_at"], listed_one["overdue"]) == (None, 0)


async def test_a_word_is_mapped_once_and_its_referrals_are_repaired(service: Service, stub):
    event = await service.issue(service.rest)
    await service.told(event.referral_id, DELIVERED)
    said = {
        "id": str(uuid4()),
        "referral_id": str(event.referral_id),
        "status": "EN_GREVE",
        "at": datetime.now(UTC).isoformat(),
    }
    assert (await service.call_back(json.dumps(said).encode()))[0] == 204
    path = f"/partners/{service.rest}/words"
    _, words = await ask(service, "GET", path)
    [word] = words["unknown"]
    assert (word["kind"], word["word"], word["referrals"]) == ("status", "EN_GREVE", 1)
    asked = {"word": "EN_GREVE", "meaning": "in_progress"}
    assert (await ask(service, "POST", path, asked))[1]["repaired"] == 1
    await service.told(event.referral_id, "in_progress")
    _, words = await ask(service, "GET", path)
    assert words["unknown"] == []
    [mapped] = words["mapped"]
    assert (mapped["word"], mapped["meaning"], mapped["mapped_by"], mapped["in_file"]) == (
        "EN_GREVE",
        "in_progress",
        "someone",
        False,
    )
    again = {"word": "EN_GREVE", "meaning": "resolved"}
    assert (await ask(service, "POST", path, again))[0] == 409


async def test_a_single_status_may_hold_the_word_statuses(service: Service, stub):
    event = await service.issue(service.rest)
    await service.told(event.referral_id, DELIVERED)
    said = {
        "id": str(uuid4()),
        "referral_id": str(event.referral_id),
        "status": "in_progress",
        "at": datetime.now(UTC).isoformat(),
        "message": "statuses",
    }
    assert (await service.call_back(json.dumps(said).encode()))[0] == 204
    await service.told(event.referral_id, "in_progress")


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "field"),
    [
        ("GET", "/deliveries?partner={rest}&state=delivered", None, 422, "state"),
        ("GET", "/deliveries?partner={rest}&after=nonsense", None, 422, "after"),
        ("GET", "/deliveries?partner=nobody", None, 404, None),
        ("POST", "/deliveries/{id}/retry", None, 404, None),
        ("POST", "/deliveries/{id}/decision", {"was_received": True}, 404, None),
        ("POST", "/deliveries/{id}/decision", {}, 422, "was_received"),
        ("POST", "/deliveries/not-an-id/retry", None, 422, "delivery_id"),
        ("POST", "/partners/nobody/retry", None, 404, None),
        ("POST", "/partners/nobody/replay", {}, 404, None),
        ("POST", "/partners/{rest}/replay", {"parked_before": "hier"}, 422, "parked_before"),
        ("POST", "/partners/{rest}/replay", {"state": "due"}, 422, "state"),
        ("POST", "/partners/{rest}/words", {"word": "X", "meaning": "delivered"}, 422, "meaning"),
        (
            "POST",
            "/partners/{rest}/words",
            {"kind": "reason", "word": "X", "meaning": "resolved"},
            422,
            "meaning",
        ),
        ("POST", "/partners/{rest}/words", {"word": "", "meaning": "resolved"}, 422, "word"),
        ("POST", "/partners/nobody/words", {"word": "X", "meaning": "resolved"}, 404, None),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(
    service: Service, method, path, content, status, field
):
    path = path.format(rest=service.rest, id=uuid4())
    answered, problem = await ask(service, method, path, content)
    assert answered == status
    if field:
        assert [error["field"] for error in problem["errors"]] == [field]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/partners"),
        ("GET", "/deliveries?partner=x"),
        ("GET", f"/referrals/{uuid4()}"),
        ("POST", f"/deliveries/{uuid4()}/retry"),
        ("POST", f"/deliveries/{uuid4()}/decision"),
        ("POST", "/partners/x/retry"),
        ("POST", "/partners/x/replay"),
        ("GET", "/partners/x/words"),
        ("POST", "/partners/x/words"),
    ],
)
async def test_only_operations_may(service: Service, method, path):
    address = f"/api/v1{path}"
    others = ("agent", "supervisor", "triage", f"partner:{service.rest}/*")
    content = {} if method == "POST" else None
    assert (await service.call(method, address, json=content))[0] == 401
    assert (await service.call(method, address, roles=others, json=content))[0] == 403


async def test_the_page_is_there_for_whoever_asks_and_holds_no_data(service: Service):
    async with service.http.get(f"{service.address}/exploitation") as answer:
        text = await answer.text()
    assert (answer.status, answer.content_type) == (200, "text/html")
    assert service.rest not in text
    assert "{{" not in text


async def test_everything_that_waits_is_brought_forward(service: Service, stub):
    async def away(request):
        return web.json_response({}, status=503)

    stub.answer = away
    event = await service.issue(service.rest)
    async with asyncio.timeout(20):
        while (await listed(service, event, state="due") or [{"attempts": 0}])[0]["attempts"] < 2:
            await asyncio.sleep(0.1)
    stub.answer = accept
    status, done = await ask(service, "POST", f"/partners/{service.rest}/retry")
    assert (status, done["deliveries"]) == (200, 1)
    assert await service.told(event.referral_id, DELIVERED) == [DELIVERED]
