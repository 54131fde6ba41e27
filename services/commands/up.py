"""`aiguillage up`: everything on this machine, until Ctrl-C."""

import sys

from rich.table import Table

from services.commands.addresses import Ports
from services.commands.child_plans import SERVICES
from services.commands.demonstration import read_demonstration
from services.commands.download_bar import download_bar
from services.commands.fleet import Fleet, running_fleet
from services.commands.interruption import run_until_signalled
from services.commands.outcome import CommandFailed
from services.commands.printing import console, tell
from services.commands.state_folder import StateFolder
from shared.embedded.errors import EmbeddedServerError


def up(folder: StateFolder, *, ports: Ports, pace: float) -> int:
    """Start everything, say where it is, follow it; raises `CommandFailed`."""
    running = folder.find_running()
    if running is not None:
        raise CommandFailed(
            f"`aiguillage up` already runs on {folder.path} (process {running.pid}).",
            hint="Stop it with Ctrl-C there, or set AIGUILLAGE_HOME to another folder.",
        )
    try:
        return run_until_signalled(_up(folder, ports=ports, pace=pace))
    except EmbeddedServerError as error:
        raise CommandFailed(error.message, hint=error.hint) from error


async def _up(folder: StateFolder, *, ports: Ports, pace: float) -> int:
    tell(f"state in {folder.path}")
    try:
        with download_bar() as on_progress:
            async with running_fleet(
                folder,
                ports=ports,
                pace=pace,
                outcome="mixed",
                durable=True,
                tell=tell,
                on_progress=on_progress,
            ) as fleet:
                _show(fleet, folder)
                try:
                    await fleet.follow()
                finally:
                    tell("stopping everything")
    finally:
        tell("stopped")
    return 0


def _show(fleet: Fleet, folder: StateFolder) -> None:
    running, out = fleet.running, console()
    doors = Table(title="Doors", title_justify="left", show_header=False)
    for name, url in (
        ("intake", running.intake),
        ("router", running.router),
        ("partner_adapters", running.partner_adapters),
        ("simulators (control)", running.simulators),
        ("Kafka", running.kafka),
        ("Kafka for agencies", running.kafka_agencies),
    ):
        seconds = fleet.ready_seconds.get(name)
        doors.add_row(name, _for_people(url), f"ready in {seconds:.1f} s" if seconds else "")
    out.print(doors)
    accounts = Table(title="Demonstration accounts", title_justify="left", header_style="bold")
    for column in ("account", "password", "roles", "site"):
        accounts.add_column(column)
    for person in read_demonstration()["people"]:
        accounts.add_row(
            person["account"],
            fleet.secrets.passwords[person["account"]],
            ", ".join(person["roles"]),
            person.get("site_id", ""),
        )
    out.print(accounts)
    out.print(f"Tokens of stations and API clients: {folder.secrets_file}")
    out.print(f"Logs: {folder.logs}/<{'|'.join((*SERVICES, 'simulators'))}>.log")
    out.print("Ready. Ctrl-C stops everything; the data is kept.")
    sys.stdout.flush()


def _for_people(url: str) -> str:
    """One host name for all doors, so that a browser's session is good at each of them."""
    return url.replace("127.0.0.1", "localhost") if url.startswith("http") else url
