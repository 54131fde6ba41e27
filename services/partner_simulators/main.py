"""The process: every simulated agency and the control port, until told to stop."""

import asyncio
import signal
import sys
from datetime import UTC, datetime

import aiohttp
import structlog
from pydantic import ValidationError

from services.partner_simulators.control_api import ControlApi
from services.partner_simulators.logs import write_json_logs
from services.partner_simulators.schedule import Schedule
from services.partner_simulators.settings import Settings
from services.partner_simulators.simulator import Simulator
from services.partner_simulators.wiring import build_simulators

log = structlog.get_logger()

PAUSE_AFTER_CRASH = 1.0


def clock() -> datetime:
    """The one clock of this process."""
    return datetime.now(UTC)


async def run(settings: Settings) -> None:
    """Simulate until cancelled. Raises OSError when a port is taken."""
    schedule = Schedule()
    connector = aiohttp.TCPConnector(limit=0)  # each agency limits its own senders
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        simulators = build_simulators(settings, schedule=schedule, http=http, clock=clock)
        control = ControlApi(
            simulators=simulators,
            host=settings.simulator_host,
            port=settings.simulator_base_port,
        )
        try:
            for simulator in simulators.values():
                await simulator.start()
            await control.start()
            log.info("simulators_started", control=control.address, partners=[*simulators])
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(schedule.run())
                for partner_id, simulator in simulators.items():
                    tasks.create_task(_keep_at_work(partner_id, simulator))
        finally:
            await control.stop()
            for simulator in simulators.values():
                await simulator.stop()
                simulator.office.ledger.close()
            log.info("simulators_stopped")


async def _keep_at_work(partner_id: str, simulator: Simulator) -> None:
    """One agency's crash is its own: the others do not notice, and it comes back."""
    while True:
        try:
            return await simulator.run()
        except Exception:
            log.exception("simulator_crashed", partner_id=partner_id)
            await asyncio.sleep(PAUSE_AFTER_CRASH)


async def _run_until_signalled(settings: Settings) -> None:
    task = asyncio.ensure_future(run(settings))
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error


def main() -> int:
    """Start with the environment's settings.

    Exit code 0 after a stop, 1 when a port is taken, 2 for wrong settings.
    """
    write_json_logs()
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = [f"{each['loc']}: {each['msg']}" for each in error.errors(include_input=False)]
        log.error("settings_refused", wrong=wrong)
        return 2
    try:
        asyncio.run(_run_until_signalled(settings))
    except OSError as error:
        log.error("port_not_opened", error=error.strerror or str(error))
        return 1
    except Exception:
        log.exception("simulators_crashed")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
