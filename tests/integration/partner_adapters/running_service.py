"""partner_adapters as a process of its own, serving three partners made for the test."""

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from joserfc.jwk import ECKey
from standardwebhooks import Webhook

from shared.contracts.cloudevents import CloudEvent, to_headers
from shared.contracts.events import Event
from shared.contracts.topics import (
    CASE_UPDATES,
    PARTNER_DIRECTORY,
    all_topics,
    referrals_topic,
)
from shared.plumbing.access import Principal, SessionSigner, generate_session_keys
from shared.plumbing.agencies_access import grant_agencies_access
from shared.plumbing.database import Database
from shared.plumbing.migrations import migrate
from shared.plumbing.sealing import KeyRing, Sealer
from shared.plumbing.topic_admin import create_topics
from tests.infrastructure import KafkaAddresses
from tests.integration.partner_adapters.house import issued

RUN = """
import asyncio
from services.partner_adapters.main import run
from services.partner_adapters.settings import Settings
asyncio.run(run(Settings.from_environment()))
"""
_WORDS = """
[statuses]
acknowledged = "acknowledged"
in_progress = "in_progress"
needs_information = "needs_information"
resolved = "resolved"
refused = "refused"
[refusal_reasons]
not_competent = "not_competent"
other = "other"
"""
_FILE = """
id = "{id}"
name = "Essai"
kind = "{kind}"
after_unknown = "resend"
permitted_fields = ["given_name"]
{credentials}
[status_return]
way = "{way}"
{secret}
"""
CALLBACK_SECRET = "whsec_c2VjcmV0LW9mLXRoZS10ZXN0cy0wMTIzNDU2Nzg5"


@dataclass
class Service:
    """The process, and all that stands around it."""

    environment: dict[str, str]
    database: Database
    sealer: Sealer
    kafka: KafkaAddresses
    signer: SessionSigner
    http: aiohttp.ClientSession
    producer: AIOKafkaProducer
    updates: AIOKafkaConsumer
    agency_key: ECKey
    agency_password: str
    rest: str
    queue: str
    portal: str
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    ids: set[bytes] = field(default_factory=set)
    process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.environment['AIGUILLAGE_PARTNER_ADAPTERS_PORT']}"

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", RUN, env=self.environment
        )
        async with asyncio.timeout(60):
            while await self.readiness() != 200:
                assert self.process.returncode is None, "the service ended"
                await asyncio.sleep(0.1)

    async def readiness(self) -> int:
        try:
            async with self.http.get(f"{self.address}/readyz") as answer:
                return answer.status
        except aiohttp.ClientError:
            return 0

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(how)
            await asyncio.wait_for(self.process.wait(), timeout=30)

    async def issue(self, partner_id: str, **given: Any) -> Any:
        event = issued(partner_id=partner_id, sealer=self.sealer, **given)
        await self.publish(referrals_topic(partner_id).name, event)
        return event

    async def publish(self, topic: str, event: Event) -> None:
        said = CloudEvent(id=uuid4(), source="router", time=datetime.now(UTC), data=event)
        await self.producer.send_and_wait(
            topic,
            event.model_dump_json().encode(),
            key=event.subject.encode(),
            headers=[(name, text.encode()) for name, text in to_headers(said).items()],
        )

    async def told(self, referral_id: UUID, last: str, *, within: float = 30) -> list[str]:
        """What case-updates says of a referral, until `last` is among it."""
        async with asyncio.timeout(within):
            while last not in (said := self._said_of(referral_id)):
                await self.look()
        return said

    async def look(self) -> None:
        """Read what is new on case-updates and partner-directory, each event once.

        A relay that died may have published what it could no longer delete: same id.
        """
        for messages in (await self.updates.getmany(timeout_ms=200)).values():
            for message in messages:
                headers = dict(message.headers)
                if headers["ce_id"] in self.ids:
                    continue
                self.ids.add(headers["ce_id"])
                self.seen.append((headers["ce_type"].decode(), json.loads(message.value)))

    def _said_of(self, referral_id: UUID) -> list[str]:
        """Status words for status changes, event types for the others."""
        return [
            data.get("status") or kind
            for kind, data in self.seen
            if data.get("referral_id") == str(referral_id)
        ]

    async def call(
        self,
        method: str,
        path: str,
        *,
        roles: tuple[str, ...] = (),
        json: Any = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        named = dict(headers or {})
        if roles:
            session = self.signer.issue(Principal("someone", roles), now=datetime.now(UTC))
            named["Authorization"] = f"Bearer {session.token}"
        async with self.http.request(
            method, self.address + path, json=json, headers=named
        ) as answer:
            return answer.status, await answer.json(content_type=None)

    async def call_back(
        self,
        body: bytes,
        *,
        partner_id: str | None = None,
        at: datetime | None = None,
        secret: str = CALLBACK_SECRET,
    ) -> tuple[int, Any]:
        at = at or datetime.now(UTC)
        message_id = str(uuid4())
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign(message_id, at, body.decode()),
        }
        path = f"/partners/{partner_id or self.rest}/status"
        async with self.http.post(self.address + path, data=body, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None


def _write_partners(folder: Path, *, rest: str, queue: str, portal: str) -> None:
    files = {
        rest: ("rest", "callback", 'secret = "T_CALLBACK"', 'way = "api_key"\napi_key = "T_KEY"'),
        queue: ("kafka_queue", "topic", "", 'way = "public_key"\npublic_key = "T_PUBLIC"'),
        portal: ("portal", "portal", "", 'way = "none"'),
    }
    for id_, (kind, way, secret, credentials) in files.items():
        text = _FILE.format(
            id=id_, kind=kind, way=way, secret=secret, credentials=f"[credentials]\n{credentials}"
        )
        (folder / f"{id_}.toml").write_text(text + _WORDS)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@asynccontextmanager
async def running_service(
    *, database_url: str, kafka: KafkaAddresses, partner_address: str, folder: Path
) -> AsyncIterator[Service]:
    """A service that is ready, on an empty database, with topics of its own."""
    mark = secrets.token_hex(4)
    rest, queue, portal = f"r{mark}", f"q{mark}", f"p{mark}"
    _write_partners(folder, rest=rest, queue=queue, portal=portal)
    key_ring, (private_key, public_key) = KeyRing.generate_text(), generate_session_keys()
    agency_key, agency_password = ECKey.generate_key("P-256"), secrets.token_hex(16)
    await migrate(database_url, schemas=["partner_adapters"])
    topics = all_topics(partner_ids=[rest, queue, portal], queue_partner_ids=[queue])
    await create_topics(kafka.internal, topics)
    await asyncio.to_thread(grant_agencies_access, kafka.internal, {queue: agency_password})
    environment = {
        **os.environ,
        "AIGUILLAGE_DATABASE_URL": database_url,
        "AIGUILLAGE_KAFKA": kafka.internal,
        "AIGUILLAGE_KEY_RING": key_ring,
        "AIGUILLAGE_SESSION_PUBLIC_KEY": public_key,
        "AIGUILLAGE_PARTNER_ADAPTERS_PORT": str(free_port()),
        "AIGUILLAGE_PARTNERS": f"{rest},{queue},{portal}",
        "AIGUILLAGE_PARTNERS_FOLDER": str(folder),
        "AIGUILLAGE_LOG_LEVEL": "warning",
        f"AIGUILLAGE_PARTNER_ADDRESS_{rest.upper()}": partner_address,
        "AIGUILLAGE_PARTNERS_ON_LOOPBACK": "true",
        "AIGUILLAGE_SECRET_T_KEY": "k",
        "AIGUILLAGE_SECRET_T_CALLBACK": CALLBACK_SECRET,
        "AIGUILLAGE_SECRET_T_PUBLIC": json.dumps(agency_key.as_dict(private=False)),
    }
    database = await Database.connect(database_url, application="test")
    updates = AIOKafkaConsumer(
        CASE_UPDATES.name,
        PARTNER_DIRECTORY.name,
        bootstrap_servers=kafka.internal,
        auto_offset_reset="earliest",
    )
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as http,
        AIOKafkaProducer(bootstrap_servers=kafka.internal) as producer,
        updates,
    ):
        service = Service(
            environment=environment,
            database=database,
            sealer=Sealer(KeyRing.parse(key_ring)),
            kafka=kafka,
            signer=SessionSigner(private_key),
            http=http,
            producer=producer,
            updates=updates,
            agency_key=agency_key,
            agency_password=agency_password,
            rest=rest,
            queue=queue,
            portal=portal,
        )
        try:
            await service.start()
            yield service
        finally:
            await service.stop()
            await database.close()
