"""The whole service as a process, on a real Kafka and a real PostgreSQL."""

import asyncio
import json
import signal
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from joserfc import jwe

from shared.contracts.events import ReferralAnswerGivenV1, ReferralRecalledV1
from shared.contracts.personal import WrittenContent
from shared.contracts.topics import partner_queue_topic, partner_replies_topic, referrals_topic
from tests.infrastructure import KafkaAddresses
from tests.integration.partner_adapters.running_service import Service, running_service
from tests.integration.partner_adapters.stub_partner import accept, stub_partner

DELIVERED = "referral.delivered.v1"


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


def message(referral_id, status, **given):
    return {
        "id": str(uuid4()),
        "referral_id": str(referral_id),
        "status": status,
        "at": datetime.now(UTC).isoformat(),
        **given,
    }


async def test_a_referral_reaches_the_partner_and_its_answer_comes_back(service: Service, stub):
    event = await service.issue(service.rest)
    await service.told(event.referral_id, DELIVERED)
    said = message(event.referral_id, "needs_information", message="Quel âge ?")
    assert await service.call_back(json.dumps(said).encode()) == (204, None)
    assert await service.told(event.referral_id, "needs_information") == [
        DELIVERED,
        "needs_information",
    ]
    body = json.loads([each for each in stub.asked if each.path == "/referrals"][-1].body)
    assert body["visitor"] == {"given_name": "Awa"}


async def test_an_answer_and_a_withdrawal_go_to_the_partner_in_their_order(service: Service, stub):
    event = await service.issue(service.rest)
    await service.told(event.referral_id, DELIVERED)
    topic, common = (
        referrals_topic(service.rest).name,
        {"case_id": event.case_id, "referral_id": event.referral_id, "partner_id": service.rest},
    )
    sealed = service.sealer.seal(WrittenContent(text="76 ans"), bound_to=event.case_id)
    now = datetime.now(UTC)
    await service.publish(
        topic,
        ReferralAnswerGivenV1(**common, answer_id=uuid4(), answered_at=now, sealed=sealed),
    )
    await until(lambda: f"POST /referrals/{event.referral_id}/answers" in stub.paths())
    await service.publish(topic, ReferralRecalledV1(**common, recalled_at=now, because="withdrawn"))
    await until(lambda: f"POST /referrals/{event.referral_id}/withdrawal" in stub.paths())
    assert await service.told(event.referral_id, "withdrawn") == [DELIVERED, "withdrawn"]


async def until(condition, within=20):
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.05)


async def test_a_callback_that_is_not_to_be_believed_changes_nothing(service: Service):
    event = await service.issue(service.rest)
    await service.told(event.referral_id, DELIVERED)
    said = json.dumps(message(event.referral_id, "resolved")).encode()
    other = "whsec_b3RoZXItc2VjcmV0LW9mLXRoZS10ZXN0cy0wMTIz"
    old = datetime.now(UTC) - timedelta(minutes=6)
    assert (await service.call_back(said, secret=other))[0] == 401
    status, problem = await service.call_back(said, at=old)
    assert (status, problem["type"]) == (401, "urn:aiguillage:problem:callback-timestamp-stale")
    assert (await service.call_back(said, partner_id="nobody"))[0] == 404
    assert (await service.call_back(said, partner_id=service.portal))[0] == 404
    assert (await service.call("POST", f"/partners/{service.rest}/status", json={}))[0] == 401
    row = await service.database.fetchrow(
        "SELECT status FROM partner_adapters.referrals WHERE referral_id = $1", event.referral_id
    )
    assert row["status"] == "delivered"


async def test_a_replayed_callback_is_answered_and_changes_nothing(service: Service):
    event = await service.issue(service.rest)
    await service.told(event.referral_id, DELIVERED)
    said = message(event.referral_id, "acknowledged")
    answers = await asyncio.gather(
        *(service.call_back(json.dumps(said).encode()) for _ in range(5))
    )
    assert {status for status, _ in answers} == {204}
    late = message(event.referral_id, "resolved")
    await service.call_back(json.dumps({"statuses": [said, late]}).encode())
    assert await service.told(event.referral_id, "resolved") == [
        DELIVERED,
        "acknowledged",
        "resolved",
    ]


async def test_a_foreign_referral_is_not_found_and_the_others_are_recorded(service: Service):
    event = await service.issue(service.rest)
    foreign = await service.issue(service.portal)
    await service.told(event.referral_id, DELIVERED)
    await service.told(foreign.referral_id, DELIVERED)
    statuses = [
        message(foreign.referral_id, "resolved"),
        message(uuid4(), "resolved"),
        message(event.referral_id, "acknowledged"),
    ]
    status, problem = await service.call_back(json.dumps({"statuses": statuses}).encode())
    assert status == 404
    assert [error["field"] for error in problem["errors"]] == [
        "statuses.0.referral_id",
        "statuses.1.referral_id",
    ]
    await service.told(event.referral_id, "acknowledged")
    assert service._said_of(foreign.referral_id) == [DELIVERED]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 400, None),
        (b"[]", 422, None),
        (b'{"statuses": []}', 422, "statuses"),
        (b'{"id":"1","referral_id":"x","status":"","at":"yesterday"}', 422, "referral_id"),
        (json.dumps({"statuses": [{}] * 101}).encode(), 422, "statuses"),
        (b'{"id":"' + b"x" * 300_000 + b'"}', 413, None),
    ],
)
async def test_a_malformed_callback_names_every_wrong_field(service: Service, body, status, field):
    answered, problem = await service.call_back(body)
    assert answered == status
    if field:
        assert field in {error["field"].split(".")[0] for error in problem["errors"]}


async def test_a_poisoned_referral_is_buried_and_the_next_one_delivered(service: Service):
    topic = referrals_topic(service.rest).name
    await service.producer.send_and_wait(topic, b"\x00poison", headers=[("ce_id", None)])
    unknown = ReferralRecalledV1(
        case_id=uuid4(),
        referral_id=uuid4(),
        partner_id=service.rest,
        recalled_at=datetime.now(UTC),
        because="withdrawn",
    )
    await service.publish(topic, unknown)
    event = await service.issue(service.rest)
    await service.told(event.referral_id, DELIVERED)

    async with asyncio.timeout(20):
        while (
            await service.database.fetchval(
                "SELECT count(*) FROM partner_adapters.dead_letters WHERE topic = $1", topic
            )
            < 2
        ):
            await asyncio.sleep(0.1)


async def test_people_at_the_portal_see_and_move_only_their_own(service: Service):
    mine = await service.issue(service.portal, unit_id="75119")
    other = await service.issue(service.portal, unit_id="75120")
    await service.told(mine.referral_id, DELIVERED)
    await service.told(other.referral_id, DELIVERED)
    me, path = (f"partner:{service.portal}/75119",), "/api/v1/portal/referrals"
    status, page = await service.call("GET", path, roles=me)
    seen = {each["referral_id"]: each for each in page["referrals"]}
    assert status == 200
    assert str(mine.referral_id) in seen
    assert str(other.referral_id) not in seen
    assert seen[str(mine.referral_id)]["visitor"] == {"given_name": "Awa"}
    assert (await service.call("GET", f"{path}/{other.referral_id}", roles=me))[0] == 404
    assert (await service.call("GET", path))[0] == 401
    assert (await service.call("GET", path, roles=("agent",)))[0] == 403

    key = {"Idempotency-Key": str(uuid4())}
    question = {"status": "needs_information", "message": "Depuis quand ?"}
    address = f"{path}/{mine.referral_id}/status"
    first = await service.call("POST", address, roles=me, json=question, headers=key)
    again = await service.call("POST", address, roles=me, json=question, headers=key)
    assert first[0] == 202
    assert again == first
    assert await service.told(mine.referral_id, "needs_information") == [
        DELIVERED,
        "needs_information",
    ]
    _, shown = await service.call("GET", f"{path}/{mine.referral_id}", roles=me)
    assert [(each["written_by"], each["text"]) for each in shown["messages"]] == [
        ("agency", "Depuis quand ?")
    ]
    foreign = f"{path}/{other.referral_id}/status"
    body = {"status": "resolved"}
    assert (await service.call("POST", foreign, roles=me, json=body, headers=key))[0] in {404, 422}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": "refused"}, 422),
        ({"status": "resolved", "reason": "other"}, 422),
        ({"status": "needs_information"}, 422),
        ({"status": "delivered"}, 422),
        ({"status": "resolved", "extra": 1}, 422),
    ],
)
async def test_the_portal_refuses_what_says_too_little(service: Service, body, status):
    path = f"/api/v1/portal/referrals/{uuid4()}/status"
    headers = {"Idempotency-Key": str(uuid4())}
    roles = (f"partner:{service.portal}/*",)
    answered, _ = await service.call("POST", path, roles=roles, json=body, headers=headers)
    assert answered == status


async def test_a_person_is_told_when_a_referral_is_already_past_that(service: Service):
    event = await service.issue(service.portal)
    await service.told(event.referral_id, DELIVERED)
    path = f"/api/v1/portal/referrals/{event.referral_id}/status"
    roles = (f"partner:{service.portal}/*",)

    async def say(status, **said):
        headers = {"Idempotency-Key": str(uuid4())}
        body = {"status": status, **said}
        return (await service.call("POST", path, roles=roles, json=body, headers=headers))[0]

    assert await say("refused", reason="not_competent", message="Voyez la CAF") == 202
    assert await say("in_progress") == 409
    assert await service.told(event.referral_id, "refused") == [DELIVERED, "refused"]


async def test_what_is_over_leaves_the_open_inbox(service: Service):
    event = await service.issue(service.portal, unit_id="75102")
    await service.told(event.referral_id, DELIVERED)
    roles, path = (f"partner:{service.portal}/75102",), "/api/v1/portal/referrals"

    async def listed() -> dict[str, bool]:
        pages = {
            which: (await service.call("GET", f"{path}?status={which}&limit=200", roles=roles))[1]
            for which in ("open", "closed", "all")
        }
        return {
            which: str(event.referral_id) in {each["referral_id"] for each in page["referrals"]}
            for which, page in pages.items()
        }

    assert await listed() == {"open": True, "closed": False, "all": True}
    address, headers = f"{path}/{event.referral_id}/status", {"Idempotency-Key": str(uuid4())}
    done = {"status": "resolved"}
    assert (await service.call("POST", address, roles=roles, json=done, headers=headers))[0] == 202
    assert await listed() == {"open": False, "closed": True, "all": True}


async def test_the_inbox_is_paged_by_cursor(service: Service):
    events = [await service.issue(service.portal, unit_id="75101") for _ in range(5)]
    for event in events:
        await service.told(event.referral_id, DELIVERED)
    roles, found, cursor = (f"partner:{service.portal}/75101",), [], ""
    while cursor is not None:
        path = f"/api/v1/portal/referrals?limit=2{cursor}"
        _, page = await service.call("GET", path, roles=roles)
        found += [each["referral_id"] for each in page["referrals"]]
        cursor = f"&after={page['cursor']}" if page["cursor"] else None
    assert {str(event.referral_id) for event in events} <= set(found)
    assert len(found) == len(set(found))
    answer = await service.call("GET", "/api/v1/portal/referrals?after=nonsense", roles=roles)
    assert answer[0] == 422


async def test_the_agency_on_kafka_reads_its_own_letters_and_answers(service: Service):
    event = await service.issue(service.queue)
    account = {
        "bootstrap_servers": service.kafka.agencies,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": service.queue,
        "sasl_plain_password": service.agency_password,
    }
    consumer = AIOKafkaConsumer(
        partner_queue_topic(service.queue).name,
        group_id=f"{service.queue}-test",
        auto_offset_reset="earliest",
        **account,
    )
    async with consumer, AIOKafkaProducer(**account) as producer:
        async with asyncio.timeout(30):
            letter = await consumer.getone()
        headers = {name: value.decode() for name, value in letter.headers}
        assert (letter.key.decode(), headers["ce_subject"], headers["ce_type"]) == (
            str(event.referral_id),
            str(event.referral_id),
            "aiguillage.referral",
        )
        assert b"Awa" not in letter.value
        opened = jwe.decrypt_compact(
            letter.value.decode(), service.agency_key, algorithms=["ECDH-ES+A256KW", "A256GCM"]
        )
        assert json.loads(opened.plaintext)["visitor"] == {"given_name": "Awa"}

        replies = partner_replies_topic(service.queue).name
        foreign = uuid4()
        for referral_id, said in [
            (event.referral_id, b"not json"),
            (foreign, json.dumps(message(foreign, "resolved")).encode()),
            (event.referral_id, json.dumps(message(event.referral_id, "resolved")).encode()),
        ]:
            await producer.send_and_wait(replies, said, key=str(referral_id).encode())
    assert await service.told(event.referral_id, "resolved") == [DELIVERED, "resolved"]
    async with asyncio.timeout(20):
        while (
            await service.database.fetchval(
                "SELECT count(*) FROM partner_adapters.dead_letters WHERE topic = $1", replies
            )
            != 2
        ):
            await asyncio.sleep(0.1)


async def test_operations_pause_a_partner_and_who_did_it_is_kept(service: Service, stub):
    roles, path = ("operations",), f"/api/v1/partners/{service.rest}"
    assert (await service.call("POST", f"{path}/pause", roles=("agent",)))[0] == 403
    assert (await service.call("POST", f"{path}/pause", roles=roles))[0] == 200
    event = await service.issue(service.rest)
    async with asyncio.timeout(20):
        while (await service.call("GET", path, roles=roles))[1]["due"] != 1:
            await asyncio.sleep(0.1)
    await service.call("POST", f"{path}/pause", roles=roles)
    _, shown = await service.call("POST", f"{path}/resume", roles=roles)
    assert shown["paused"] is False
    assert [(each["action"], each["account"]) for each in shown["actions"]] == [
        ("resumed", "someone"),
        ("paused", "someone"),
    ]
    await service.told(event.referral_id, DELIVERED)
    _, page = await service.call("GET", "/api/v1/partners", roles=roles)
    assert {each["partner_id"] for each in page["partners"]} == {
        service.rest,
        service.queue,
        service.portal,
    }
    assert (await service.call("GET", "/api/v1/partners/nobody", roles=roles))[0] == 404


async def test_the_partners_are_described_once_to_the_other_services(service: Service):
    async with asyncio.timeout(20):
        while len(described := _described(service)) < 3:
            await service.look()
    assert {each["kind"] for each in described} == {"rest", "kafka_queue", "portal"}


def _described(service):
    ours = {service.rest, service.queue, service.portal}
    return [
        data
        for kind, data in service.seen
        if kind == "partner.described.v1" and data["partner_id"] in ours
    ]


async def test_killed_in_the_middle_and_started_again_nothing_is_lost(service: Service, stub):
    seen = asyncio.Event()

    async def slowly(request):
        seen.set()
        await asyncio.sleep(0.3)
        return await accept(request)

    stub.answer = slowly
    events = [await service.issue(service.rest) for _ in range(60)]
    await seen.wait()
    await service.stop(signal.SIGKILL)

    async def at_once(request):
        return await accept(request)

    stub.answer = at_once
    await service.start()
    for event in events:
        told = await service.told(event.referral_id, DELIVERED, within=60)
        assert told == [DELIVERED]
