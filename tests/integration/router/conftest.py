"""The router on a real PostgreSQL; each test gets an empty one."""

from collections.abc import AsyncIterator

import pytest

from services.router.catalogue.load import load_catalogue
from services.router.classification.compiled_catalogue import CompiledCatalogue, compile_catalogue
from services.router.classification.trained_model import load_model
from services.router.consumers import RouterConsumer
from services.router.held_decisions_loop import HeldDecisions
from shared.plumbing.clock import MovableClock
from shared.plumbing.database import Database
from shared.plumbing.migrations import migrate
from shared.plumbing.outbox import Outbox
from shared.plumbing.sealing import KeyRing, Sealer
from tests.integration.router.rig import NOON, UNDO, Rig


@pytest.fixture(scope="session")
def compiled() -> CompiledCatalogue:
    return compile_catalogue(load_catalogue(), model=load_model())


@pytest.fixture(scope="session")
def key_ring() -> KeyRing:
    return KeyRing.parse(KeyRing.generate_text())


@pytest.fixture(scope="module")
async def router_database(database_url: str) -> AsyncIterator[Database]:
    await migrate(database_url, schemas=["router"])
    database = await Database.connect(database_url, application="router")
    yield database
    await database.close()


@pytest.fixture
async def router(
    router_database: Database, key_ring: KeyRing, compiled: CompiledCatalogue
) -> AsyncIterator[Rig]:
    """An empty router."""
    clock = MovableClock(NOON)
    sealer = Sealer(key_ring)
    outbox = Outbox(schema="router", source="router", clock=clock)
    catalogue = load_catalogue()
    yield Rig(
        database=router_database,
        clock=clock,
        sealer=sealer,
        consumer=RouterConsumer(
            catalogue=catalogue,
            compiled=compiled,
            sealer=sealer,
            outbox=outbox,
            clock=clock,
            undo=UNDO,
        ),
        held=HeldDecisions(
            database=router_database,
            outbox=outbox,
            sealer=sealer,
            catalogue=catalogue,
            clock=clock,
        ),
    )
    await router_database.run_alone(
        "TRUNCATE router.cases, router.partners, router.outbox, router.inbox, "
        "router.idempotency_keys, router.dead_letters CASCADE"
    )
