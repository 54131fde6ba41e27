"""A simulated agency with the conformance kit's bench before it; the agency may be spoilt."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.set_up import Terms, set_up
from services.partner_adapters.partner_environment import connect_partners
from services.partner_adapters.read_partner_files import load_partner_files
from services.partner_adapters.registry import ADAPTERS
from services.partner_simulators.settings import Settings
from services.partner_simulators.simulator import Simulator
from shared.plumbing.clock import SystemClock
from tests.integration.partner_simulators.running import WEBHOOK_SECRET, simulated

PATIENCE = 5.0
SHORT_PATIENCE = 2.5
"""For what is not to come."""
PACE = 0.02

SECRETS = {
    "CAF_CLIENT_ID": "aiguillage",
    "CAF_CLIENT_SECRET": "Secret-of-the-tests",
    "CAF_CALLBACK_SECRET": WEBHOOK_SECRET,
    "EDF_API_KEY": "Key-of-the-tests",
    "ENGIE_SIGNING_KEYS": WEBHOOK_SECRET,
    "ENGIE_CALLBACK_SECRET": WEBHOOK_SECRET,
}


@asynccontextmanager
async def agency_under_examination(
    partner_id: str,
    *,
    spoil: Callable[[Simulator], None] = lambda _: None,
    timeout: float | None = None,
    patience: float = PATIENCE,
) -> AsyncIterator[Bench]:
    """Run the simulator of this partner, spoilt if so wished, and a bench before it."""
    port = free_port()
    settings = Settings(
        simulator_partners=(partner_id,),
        simulator_base_port=0,
        simulator_pace=PACE,
        simulator_callback_url=f"http://127.0.0.1:{port}",
        **{f"secret_{name.lower()}": value for name, value in SECRETS.items()},
    )
    async with AsyncExitStack() as stack:
        agencies = await stack.enter_async_context(simulated(settings))
        spoil(agencies.simulators[partner_id])
        environment = {f"AIGUILLAGE_SECRET_{name}": value for name, value in SECRETS.items()}
        environment[f"AIGUILLAGE_PARTNER_ADDRESS_{partner_id.upper()}"] = agencies.address(
            partner_id
        )
        file = load_partner_files(kinds=ADAPTERS)[partner_id]
        if timeout is not None:
            limits = file.limits.model_copy(update={"request_timeout_seconds": timeout})
            file = file.model_copy(update={"limits": limits})
        partner = connect_partners({partner_id: file}, environment, on_loopback=True)[partner_id]
        terms = Terms(clock=SystemClock(), patience=patience, port=port)
        yield await stack.enter_async_context(set_up(partner, terms))


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
