"""A simulated agency with the conformance kit's bench before it; the agency may be spoilt."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import Any

from services.commands.demonstration_secrets import DemonstrationSecrets
from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.portal_door import ACCOUNT, PASSWORD
from services.partner_adapters.conformance.set_up import set_up
from services.partner_adapters.conformance.transports import Terms
from services.partner_adapters.partner_environment import ConnectedPartner, connect_partners
from services.partner_adapters.read_partner_files import load_partner_files
from services.partner_adapters.registry import ADAPTERS
from services.partner_simulators.settings import Settings
from services.partner_simulators.simulator import Simulator
from shared.contracts.topics import partner_queue_topic, partner_replies_topic
from shared.plumbing.agencies_access import grant_agencies_access
from shared.plumbing.clock import SystemClock
from shared.plumbing.topic_admin import create_topics
from tests.infrastructure import KafkaAddresses
from tests.integration.partner_simulators.running import simulated

PATIENCE = 5.0
SHORT_PATIENCE = 2.5
"""For what is not to come."""
PACE = 0.02


@asynccontextmanager
async def agency_under_examination(
    partner_id: str,
    *,
    kafka: KafkaAddresses | None = None,
    spoil: Callable[[Simulator], None] = lambda _: None,
    timeout: float | None = None,
    patience: float = PATIENCE,
) -> AsyncIterator[Bench]:
    """Run the simulator of this partner, spoilt if so wished, and a bench before it.

    `timeout` replaces that of the agency's file.
    """
    port = free_port()
    if kafka is not None:
        await let_in(partner_id, kafka)
    async with AsyncExitStack() as stack:
        agencies = await stack.enter_async_context(simulated(settings(partner_id, port, kafka)))
        simulator: Any = agencies.simulators[partner_id]
        if hasattr(simulator, "_pause"):
            simulator._pause = PACE
        spoil(simulator)
        terms = Terms(
            clock=SystemClock(),
            patience=patience,
            port=port,
            kafka=kafka.internal if kafka else None,
        )
        connected = connect(partner_id, simulator, timeout)
        yield await stack.enter_async_context(set_up(connected, terms))


def settings(partner_id: str, port: int, kafka: KafkaAddresses | None) -> Settings:
    """The simulator's, with everything of ours that it calls at one port."""
    ours = f"http://127.0.0.1:{port}"
    keys = demonstration().agency_private_keys
    return Settings(
        simulator_partners=(partner_id,),
        simulator_base_port=0,
        simulator_pace=PACE,
        simulator_callback_url=ours,
        simulator_intake_url=ours,
        simulator_portal_url=ours,
        simulator_portal_accounts={partner_id: {"account": ACCOUNT, "password": PASSWORD}},
        simulator_kafka_agencies=kafka.agencies if kafka else None,
        **{f"simulator_{each}_private_key": key for each, key in keys.items()},
        **{f"secret_{name.lower()}": value for name, value in secrets().items()},
    )


def connect(partner_id: str, simulator: Any, timeout: float | None) -> ConnectedPartner:
    environment = {f"AIGUILLAGE_SECRET_{name}": value for name, value in secrets().items()}
    if simulator.address:
        environment[f"AIGUILLAGE_PARTNER_ADDRESS_{partner_id.upper()}"] = simulator.address
    if hasattr(simulator, "mailbox_address"):
        name = f"AIGUILLAGE_PARTNER_STATUS_ADDRESS_{partner_id.upper()}"
        environment[name] = simulator.mailbox_address
    file = load_partner_files(kinds=ADAPTERS)[partner_id]
    if timeout is not None:
        limits = file.limits.model_copy(update={"request_timeout_seconds": timeout})
        file = file.model_copy(update={"limits": limits})
    return connect_partners({partner_id: file}, environment, on_loopback=True)[partner_id]


async def let_in(partner_id: str, kafka: KafkaAddresses) -> None:
    """Topics of the agency's own, and its user on Kafka."""
    await create_topics(
        kafka.internal, [partner_queue_topic(partner_id), partner_replies_topic(partner_id)]
    )
    password = secrets()[f"{partner_id.upper()}_KAFKA_PASSWORD"]
    await asyncio.to_thread(grant_agencies_access, kafka.internal, {partner_id: password})


@cache
def demonstration() -> DemonstrationSecrets:
    return DemonstrationSecrets.generate()


def secrets() -> dict[str, str]:
    return demonstration().partner_secrets


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
