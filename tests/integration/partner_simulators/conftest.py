"""Simulated agencies on free loopback ports, and a small receiver of their callbacks."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest

from services.partner_simulators.door import Door
from services.partner_simulators.settings import Settings
from tests.integration.partner_simulators.running import (
    KEY,
    WEBHOOK_SECRET,
    Agencies,
    Callbacks,
    simulated,
)


@pytest.fixture
def referral() -> Callable[..., dict[str, Any]]:
    """A maker of right referrals; keywords replace fields."""

    def make(**changed: Any) -> dict[str, Any]:
        return {
            "referral_id": str(uuid4()),
            "case_reference": "K7M4-QX9T",
            "unit": None,
            "urgent": False,
            "channel": "kiosk",
            "language": "fr",
            "taken_at": "2026-11-23T10:00:00Z",
            "issued_at": "2026-11-23T10:00:01Z",
            "demarches": [{"id": "x.demande", "title": "Une demande"}],
            "text": "Bonjour, je voudrais de l'aide pour mon dossier.",
            "visitor": {"given_name": "Awa", "postcode": "75019"},
            **changed,
        }

    return make


@pytest.fixture
async def callbacks() -> AsyncIterator[tuple[Callbacks, str]]:
    """A receiver standing for our own door, and its address."""
    seen = Callbacks()
    door = Door(host="127.0.0.1", port=0, answer=seen.answer)
    await door.open()
    yield seen, door.address
    await door.close()


@pytest.fixture
async def agencies(callbacks: tuple[Callbacks, str]) -> AsyncIterator[Agencies]:
    """caf (OAuth2, callback), engie (signed messages, callback), edf (key, polled)."""
    settings = Settings(
        simulator_partners=("caf", "engie", "edf"),
        simulator_base_port=0,
        simulator_pace=0.01,
        simulator_outcome="resolved",
        simulator_callback_url=callbacks[1],
        secret_caf_client_id="caf-client",
        secret_caf_client_secret="caf-secret",
        secret_caf_callback_secret=WEBHOOK_SECRET,
        secret_engie_signing_keys=WEBHOOK_SECRET,
        secret_engie_callback_secret=WEBHOOK_SECRET,
        secret_edf_api_key=KEY,
    )
    async with simulated(settings) as running:
        yield running
