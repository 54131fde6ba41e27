"""The router as a process of its own, on a real PostgreSQL and Kafka."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import asyncpg
import pytest

from shared.contracts.topics import all_topics
from shared.plumbing.access import Principal, SessionSigner, generate_session_keys
from shared.plumbing.migrations import migrate
from shared.plumbing.sealing import KeyRing
from shared.plumbing.topic_admin import create_topics
from tests.infrastructure import KafkaAddresses

PARTNERS = ("caf", "cpam", "edf", "engie", "laposte", "sncf", "casvp", "mairie", "accompagnement")
RUN = """
import asyncio
from services.router.main import run
from services.router.settings import Settings
asyncio.run(run(Settings.from_environment()))
"""


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


@dataclass(frozen=True)
class Door:
    address: str
    signer: SessionSigner
    client: aiohttp.ClientSession
    process: asyncio.subprocess.Process

    async def get(self, path: str, *, roles: tuple[str, ...] = (), **params: str) -> Answer:
        async with self.client.get(
            self.address + path, params=params, headers=self._headers(roles)
        ) as answer:
            return Answer(answer.status, await answer.json(content_type=None))

    async def preview(self, body: dict[str, object], *, roles: tuple[str, ...] = ()) -> Answer:
        async with self.client.post(
            f"{self.address}/api/v1/preview", json=body, headers=self._headers(roles)
        ) as answer:
            return Answer(answer.status, await answer.json(content_type=None))

    def _headers(self, roles: tuple[str, ...]) -> dict[str, str]:
        if not roles:
            return {}
        session = self.signer.issue(Principal("someone", roles), now=datetime.now(UTC))
        return {"Authorization": f"Bearer {session.token}"}


@pytest.fixture(scope="module")
async def door(database_url: str, kafka_addresses: KafkaAddresses) -> AsyncIterator[Door]:
    """A router that was just started; it must stop by itself when it is told to."""
    private, public = generate_session_keys()
    await migrate(database_url, schemas=["router"])
    await _serve_every_partner(database_url)
    topics = all_topics(partner_ids=PARTNERS, queue_partner_ids=())
    await create_topics(kafka_addresses.internal, topics)
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        RUN,
        env={
            **os.environ,
            "AIGUILLAGE_DATABASE_URL": database_url,
            "AIGUILLAGE_KAFKA": kafka_addresses.internal,
            "AIGUILLAGE_KEY_RING": KeyRing.generate_text(),
            "AIGUILLAGE_SESSION_PUBLIC_KEY": public,
            "AIGUILLAGE_ROUTER_PORT": str(port),
        },
    )
    async with aiohttp.ClientSession() as client:
        door = Door(f"http://127.0.0.1:{port}", SessionSigner(private), client, process)
        try:
            await _until_ready(door)
            yield door
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), timeout=20)
    assert process.returncode == 0


async def _serve_every_partner(database_url: str) -> None:
    """Other modules describe a few partners on the Kafka we share: what we say is later."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            "INSERT INTO router.partners (partner_id, accepting, described, described_at) "
            "SELECT partner_id, true, '{}', $2 FROM unnest($1::text[]) AS partner_id",
            list(PARTNERS),
            datetime(2100, 1, 1, tzinfo=UTC),
        )
    finally:
        await connection.close()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def _until_ready(door: Door) -> None:
    for _ in range(400):
        assert door.process.returncode is None, "the router ended while it started"
        try:
            if (await door.get("/readyz")).status == 200:
                return
        except aiohttp.ClientConnectionError:
            pass
        await asyncio.sleep(0.05)
    raise AssertionError("the router is not ready after 20 s")


async def test_readiness_names_what_it_depends_on(door: Door) -> None:
    answer = await door.get("/readyz")

    assert set(answer.body["dependencies"]) == {"postgresql", "kafka"}


async def test_a_preview_says_what_would_go_to_whom_and_why(door: Door) -> None:
    text = "Je veux demander l'APL à la CAF et renouveler ma carte Vitale à la CPAM"
    answer = await door.preview({"text": text, "postcode": "75019"}, roles=("kiosk",))

    assert answer.status == 200
    preview = answer.body
    assert preview["decision"] == "route"
    assert {r["partner"]: r["unit"] for r in preview["referrals"]} == {"caf": "75", "cpam": "75"}
    for need in preview["needs"]:
        assert need["title"]
        assert all(text[start:end] for start, end in need["because"])


async def test_a_preview_of_something_out_of_scope_names_the_body(door: Door) -> None:
    answer = await door.preview(
        {"text": "Je veux déclarer mes impôts sur le revenu"}, roles=("agent",)
    )

    assert answer.body["decision"] == "out_of_scope"
    assert [body["id"] for body in answer.body["bodies"]] == ["dgfip"]


async def test_a_preview_says_what_is_missing_and_which_other_rights_to_check(door: Door) -> None:
    body = {"text": "je veux demander le RSA", "insee": "75119", "given": ["birth_date"]}
    preview = (await door.preview(body, roles=("agent",))).body

    (missing,) = preview["missing"]
    assert (missing["partner"], len(missing["facts"])) == ("caf", 2)
    assert {right["demarche"] for right in preview["other_rights"]} >= {"cpam.c2s", "body:idfm"}
    assert preview["referrals"][0]["unit_name"] == "CAF : Paris (75)"


async def test_a_preview_of_danger_says_whom_to_call(door: Door) -> None:
    preview = (await door.preview({"text": "ça sent le gaz chez moi"}, roles=("kiosk",))).body

    assert preview["call"]["dial"] == "0 800 47 33 33"
    assert preview["call"]["service"] == "Urgence sécurité gaz"


async def test_a_preview_of_a_letter_says_who_wants_what_by_when(door: Door) -> None:
    text = (
        "Caisse d'allocations familiales de Paris\nObjet : trop-perçu\n"
        "Nous vous demandons de rembourser la somme de 1 248,36 € avant le 2 avril 2026."
    )
    preview = (await door.preview({"kind": "letter", "text": text}, roles=("agent",))).body

    letter = preview["letter"]
    assert (letter["sender"]["id"], letter["wants"]["what"]) == ("caf", "pay")
    assert (letter["amount"]["euros"], letter["deadline"]["day"]) == ("1248.36", "2026-04-02")
    assert letter["demarche"]["id"] == preview["referrals"][0]["demarches"][0] == "caf.indu"
    ((start, end),) = letter["amount"]["because"]
    assert text[start:end] == "1 248,36 €"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": "apl", "kind": "novel"}, "kind"),
        ({"text": "apl", "insee": "nowhere"}, "insee"),
        ({"text": ""}, "text"),
        ({"text": "x" * 5001}, "text"),
        ({"text": "apl", "postcode": "ici"}, "postcode"),
        ({"text": "apl", "language": "!"}, "language"),
        ({"text": "apl", "surprise": 1}, "surprise"),
    ],
)
async def test_a_wrong_preview_names_its_field(
    door: Door, body: dict[str, object], field: str
) -> None:
    answer = await door.preview(body, roles=("agent",))

    assert answer.status == 422
    assert [error["field"] for error in answer.body["errors"]] == [field]


async def test_nobody_and_agencies_may_not_preview(door: Door) -> None:
    nobody = await door.preview({"text": "apl"})
    agency = await door.preview({"text": "apl"}, roles=("partner:caf/75",))

    assert (nobody.status, agency.status) == (401, 403)


async def test_the_catalogue_is_read_page_by_page(door: Door) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        after = {"after": cursor} if cursor else {}
        page = (await door.get("/api/v1/demarches", roles=("agent",), limit="30", **after)).body
        seen += [demarche["id"] for demarche in page["demarches"]]
        cursor = page["cursor"]
        if cursor is None:
            break

    assert len(seen) >= 60
    assert seen == sorted(set(seen))
    assert {id_.split(".")[0] for id_ in seen} == set(PARTNERS)
