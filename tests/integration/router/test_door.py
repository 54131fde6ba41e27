"""The router's door, the whole service behind it, on a real PostgreSQL and Kafka."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest

from services.router.main import build_app
from services.router.settings import Settings
from shared.contracts.topics import all_topics
from shared.plumbing.access import Principal, SessionSigner, generate_session_keys
from shared.plumbing.migrations import migrate
from shared.plumbing.sealing import KeyRing
from shared.plumbing.topic_admin import create_topics
from tests.infrastructure import KafkaAddresses

PARTNERS = ("caf", "cpam", "edf", "engie", "laposte", "sncf", "casvp", "mairie", "accompagnement")


@dataclass(frozen=True)
class Door:
    client: httpx.AsyncClient
    signer: SessionSigner

    def as_(self, *roles: str) -> dict[str, str]:
        session = self.signer.issue(Principal("someone", roles), now=datetime.now(UTC))
        return {"Authorization": f"Bearer {session.token}"}


@pytest.fixture(scope="module")
async def door(database_url: str, kafka_addresses: KafkaAddresses) -> AsyncIterator[Door]:
    private, public = generate_session_keys()
    await migrate(database_url, schemas=["router"])
    topics = all_topics(partner_ids=PARTNERS, queue_partner_ids=())
    await create_topics(kafka_addresses.internal, topics)
    settings = Settings.model_validate(
        {
            "database_url": database_url,
            "kafka": kafka_addresses.internal,
            "key_ring": KeyRing.generate_text(),
            "session_public_key": public,
        }
    )
    app = build_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://router.test"
        ) as client,
    ):
        yield Door(client, SessionSigner(private))


async def test_it_becomes_ready(door: Door) -> None:
    for _ in range(200):
        answer = await door.client.get("/readyz")
        if answer.status_code == 200:
            break
        await asyncio.sleep(0.05)

    assert answer.status_code == 200
    assert set(answer.json()["dependencies"]) == {"postgresql", "kafka"}


async def test_a_preview_says_what_would_go_to_whom_and_why(door: Door) -> None:
    text = "Je veux demander l'APL à la CAF et renouveler ma carte Vitale à la CPAM"
    answer = await door.client.post(
        "/api/v1/preview", json={"text": text, "postcode": "75019"}, headers=door.as_("kiosk")
    )

    assert answer.status_code == 200
    preview = answer.json()
    assert preview["decision"] == "route"
    assert {r["partner"]: r["unit"] for r in preview["referrals"]} == {"caf": "75", "cpam": "75"}
    for need in preview["needs"]:
        assert need["title"]
        assert all(text[start:end] for start, end in need["because"])


async def test_a_preview_of_something_out_of_scope_names_the_body(door: Door) -> None:
    answer = await door.client.post(
        "/api/v1/preview",
        json={"text": "Je veux déclarer mes impôts sur le revenu"},
        headers=door.as_("agent"),
    )

    assert answer.json()["decision"] == "out_of_scope"
    assert [body["id"] for body in answer.json()["bodies"]] == ["dgfip"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
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
    answer = await door.client.post("/api/v1/preview", json=body, headers=door.as_("agent"))

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_nobody_and_agencies_may_not_preview(door: Door) -> None:
    body = {"text": "apl"}
    nobody = await door.client.post("/api/v1/preview", json=body)
    agency = await door.client.post(
        "/api/v1/preview", json=body, headers=door.as_("partner:caf/75")
    )

    assert (nobody.status_code, agency.status_code) == (401, 403)


async def test_the_catalogue_is_read_page_by_page(door: Door) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        answer = await door.client.get(
            "/api/v1/demarches",
            params={"limit": 30, **({"after": cursor} if cursor else {})},
            headers=door.as_("agent"),
        )
        page = answer.json()
        seen += [demarche["id"] for demarche in page["demarches"]]
        cursor = page["cursor"]
        if cursor is None:
            break

    assert len(seen) >= 60
    assert seen == sorted(set(seen))
    assert {id_.split(".")[0] for id_ in seen} == set(PARTNERS)
