"""When something is missing: never a false 202, never a request lost, never a word in a log."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.intake.consumers import TOPICS
from shared.contracts.cloudevents import CloudEvent, to_headers
from shared.contracts.events import Event, PartnerDescribedV1
from shared.contracts.personal import WrittenContent
from shared.contracts.referral_status import ReferralStatus
from shared.contracts.topics import CASE_REQUESTS, CASE_UPDATES, PARTNER_DIRECTORY
from shared.plumbing.clock import MovableClock
from shared.plumbing.database import Database
from shared.plumbing.observability import configure_logging
from shared.plumbing.topic_admin import create_topics
from tests.infrastructure import KafkaAddresses
from tests.integration.intake.rig import MORNING, Door, a_request, serving, settings_for
from tests.unit.intake.updates import delivered, referral_of, routed, status

REQUESTS = "/api/v1/requests"


# -- without Kafka -------------------------------------------------------------------------


async def test_without_kafka_requests_are_accepted_and_readiness_says_what_is_missing(
    door: Door,
) -> None:
    accepted = await door.submit()
    assert len(await door.outbox(accepted["case_id"])) == 1
    door.clock.move(timedelta(seconds=2))
    ready = await door.call("GET", "/readyz", who=None)
    assert ready.status == 503
    assert ready.json["dependencies"]["postgresql"] == {"ready": True}
    assert ready.json["dependencies"]["kafka"]["missing_since"]
    assert (await door.call("GET", "/livez", who=None)).status == 200


# -- without PostgreSQL --------------------------------------------------------------------


class Line:
    """The line to PostgreSQL, which a test can cut and mend."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """The database's address through this line."""
        who = self._parts.netloc.rpartition("@")[0]
        return f"postgresql://{who}@127.0.0.1:{self._port}{self._parts.path}"

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._dial()
        self._open |= {writer, far_writer}
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        query = parse_qs(self._parts.query)
        folder = query.get("host", [""])[0]
        port = self._parts.port or int(query.get("port", ["5432"])[0])
        if folder.startswith("/"):
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._parts.hostname or "127.0.0.1", port)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[Line]:
    line = Line(database_url)
    await line.mend()
    yield line
    await line.cut()


async def test_without_postgresql_nothing_is_accepted_and_afterwards_once(
    line: Line, intake_database: Database
) -> None:
    clock = MovableClock(MORNING)
    async with serving(settings_for(line.url), clock=clock, database=intake_database) as door:
        await door.submit()
        await line.cut()
        refused = await door.call("POST", REQUESTS, key="outage", body=a_request())
        assert refused.status == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert (await door.call("GET", "/api/v1/cases")).status == 503
        clock.move(timedelta(seconds=2))
        ready = await door.call("GET", "/readyz", who=None)
        assert ready.json["dependencies"]["postgresql"]["ready"] is False
        await line.mend()
        accepted = await door.call("POST", REQUESTS, key="outage", body=a_request())
        assert accepted.status == 202
        again = await door.call("POST", REQUESTS, key="outage", body=a_request())
        assert again.json == accepted.json


async def test_a_token_never_seen_cannot_be_judged_without_postgresql(
    line: Line, intake_database: Database
) -> None:
    clock = MovableClock(MORNING)
    async with serving(settings_for(line.url), clock=clock, database=intake_database) as door:
        await line.cut()
        answer = await door.call("GET", "/api/v1/cases", who="client-3")
        assert answer.status == 503, "not 401: the token may well be good"


# -- with Kafka again ----------------------------------------------------------------------


@pytest.fixture
async def connected(
    database_url: str, intake_database: Database, kafka_addresses: KafkaAddresses
) -> AsyncIterator[Door]:
    await create_topics(kafka_addresses.internal, [CASE_REQUESTS, *TOPICS])
    settings = settings_for(database_url, kafka=kafka_addresses.internal)
    clock = MovableClock(MORNING)
    async with serving(settings, clock=clock, database=intake_database) as door:
        yield door


async def publish(kafka: str, topic: str, event: Event, *, event_id: UUID | None = None) -> None:
    said = CloudEvent(id=event_id or uuid4(), source="router", time=MORNING, data=event)
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(
            topic,
            event.model_dump_json().encode(),
            key=event.subject.encode(),
            headers=[(name, value.encode()) for name, value in to_headers(said).items()],
        )


async def until(check: Any) -> Any:
    """Wait until `check` gives something true, and give it."""
    async with asyncio.timeout(60):
        while not (found := await check()):
            await asyncio.sleep(0.05)
    return found


async def test_what_was_accepted_without_kafka_is_published_once_it_is_back(
    door: Door, database_url: str, intake_database: Database, kafka_addresses: KafkaAddresses
) -> None:
    accepted = [(await door.submit())["case_id"] for _ in range(3)]
    await create_topics(kafka_addresses.internal, [CASE_REQUESTS, *TOPICS])
    settings = settings_for(database_url, kafka=kafka_addresses.internal)
    async with (
        serving(settings, clock=door.clock, database=intake_database),
        AIOKafkaConsumer(
            CASE_REQUESTS.name,
            bootstrap_servers=kafka_addresses.internal,
            auto_offset_reset="earliest",
        ) as consumer,
    ):
        heard: list[str] = []
        async with asyncio.timeout(60):
            while not set(accepted) <= set(heard):
                message = await consumer.getone()
                heard.append(message.key.decode())
        assert sorted(case_id for case_id in heard if case_id in accepted) == sorted(accepted)


async def test_what_router_and_agencies_say_reaches_the_timeline_once(
    connected: Door, kafka_addresses: KafkaAddresses
) -> None:
    kafka = kafka_addresses.internal
    case_id = UUID((await connected.submit())["case_id"])
    words = connected.sealer.seal(WrittenContent(text="Dossier accordé"), bound_to=case_id)
    resolved_id = uuid4()
    resolved = status("caf", ReferralStatus.RESOLVED, number=2, case_id=case_id, sealed=words)
    await publish(kafka, CASE_UPDATES.name, delivered("caf", case_id=case_id))
    await publish(kafka, CASE_UPDATES.name, resolved, event_id=resolved_id)
    await publish(kafka, CASE_UPDATES.name, resolved, event_id=resolved_id)
    await publish(kafka, CASE_UPDATES.name, routed("caf", case_id=case_id))

    async def closed() -> Any:
        case = await connected.case(str(case_id))
        return case if len(case["timeline"]) >= 4 else None

    case = await until(closed)
    assert case["status"] == "closed"
    assert [line["kind"] for line in case["timeline"]].count("referral.status_changed") == 1
    assert case["referrals"][0]["referral_id"] == str(referral_of("caf", case_id=case_id))
    metrics = await connected.call("GET", "/metrics", who=None)
    assert "aiguillage_callback_to_timeline_seconds_count" in metrics.json
    assert "aiguillage_acceptance_to_delivery_seconds_count" in metrics.json


async def test_an_event_of_a_case_nobody_knows_is_kept_and_holds_nothing_up(
    connected: Door, kafka_addresses: KafkaAddresses
) -> None:
    kafka = kafka_addresses.internal
    stranger = uuid4()
    case_id = UUID((await connected.submit())["case_id"])
    await publish(kafka, CASE_UPDATES.name, routed("caf", case_id=stranger))
    await publish(kafka, CASE_UPDATES.name, routed("caf", case_id=case_id))

    async def is_routed() -> Any:
        return (await connected.case(str(case_id)))["status"] == "with_agencies"

    async def is_buried() -> Any:
        return await connected.database.fetchrow(
            "SELECT error FROM intake.dead_letters WHERE key = $1", str(stranger).encode()
        )

    await until(is_routed)
    assert "UnknownCase" in (await until(is_buried))["error"]


async def test_partners_described_are_known_by_name(
    connected: Door, kafka_addresses: KafkaAddresses
) -> None:
    described = PartnerDescribedV1(
        partner_id="laposte", name="La Poste", kind="rest", described_at=MORNING
    )
    await publish(kafka_addresses.internal, PARTNER_DIRECTORY.name, described)

    async def is_known() -> Any:
        return await connected.database.fetchval(
            "SELECT name FROM intake.partners WHERE partner_id = 'laposte'"
        )

    assert await until(is_known) == "La Poste"


# -- logs ----------------------------------------------------------------------------------


async def test_nothing_of_a_visitor_is_logged(
    line: Line, intake_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    secret_words = {
        "text": "douleur-confidentielle",
        "family_name": "Wojciechowska",
        "phone": "06 11 22 33 44",
        "email": "prive@exemple.fr",
        "postcode": "75019",
    }
    text = secret_words.pop("text")
    before = structlog.get_config()
    configure_logging(service="intake", level="debug")
    try:
        clock = MovableClock(MORNING)
        async with serving(settings_for(line.url), clock=clock, database=intake_database) as door:
            body = a_request(text=text, visitor=secret_words)
            accepted = await door.call("POST", REQUESTS, key="cle-privee", body=body)
            wrong = body | {"visitor": secret_words | {"phone": "06 11 22 33 44 confidentiel"}}
            await door.call("POST", REQUESTS, key="w", body=wrong)
            await door.call("POST", REQUESTS, key="m", raw=json.dumps(body).encode()[:-2])
            await door.call("GET", f"/api/v1/track/{accepted.json['reference']}", who=None)
            await intake_database.run_alone("ALTER TABLE intake.timeline RENAME TO away")
            broken = await door.call("POST", REQUESTS, key=secrets.token_hex(4), body=body)
            await intake_database.run_alone("ALTER TABLE intake.away RENAME TO timeline")
            await line.cut()
            await door.call("POST", REQUESTS, key=secrets.token_hex(4), body=body)
    finally:
        structlog.configure(**before)
    logged = capsys.readouterr().err
    assert broken.status == 500
    assert "request_failed" in logged, "the failure itself is logged"
    told = [text, *secret_words.values(), accepted.json["tracking_secret"], "confidentiel"]
    told += [accepted.json["reference"], "cle-privee"]
    assert [words for words in told if words in logged] == []
