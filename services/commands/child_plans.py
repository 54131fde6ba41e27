"""What each child process of `aiguillage up` is told: its command and its environment. Pure.

Each gets what it needs and no more: the session key to sign with goes to intake alone, the
partners' secrets to partner_adapters and to the simulators that play the partners.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.commands.addresses import HOST, Ports
from services.commands.child_process import ChildPlan
from services.commands.demonstration import PORTAL_ACCOUNTS
from services.commands.demonstration_secrets import DemonstrationSecrets

INTAKE, ROUTER, PARTNER_ADAPTERS = "intake", "router", "partner_adapters"
SIMULATORS = "simulators"
SERVICES = (INTAKE, ROUTER, PARTNER_ADAPTERS)
STOP_ORDER = ((SIMULATORS,), SERVICES)
"""The outside world first, so that nobody knocks at a door that closes."""

DOOR_PORTS = {"caf": 1, "cpam": 2, "edf": 3, "engie": 4}
"""Where each agency's simulated door is, after the control port."""
LAPOSTE_SFTP_PORT, SNCF_MAIL_PORT, SNCF_MAILBOX_PORT = 5, 6, 7


@dataclass(frozen=True)
class Servers:
    """Where PostgreSQL and Kafka are."""

    database_url: str
    kafka: str
    kafka_agencies: str


def door_urls(ports: Ports) -> dict[str, str]:
    """The doors of the services and the simulators' control port."""
    return {
        INTAKE: f"http://{HOST}:{ports.intake}",
        ROUTER: f"http://{HOST}:{ports.router}",
        PARTNER_ADAPTERS: f"http://{HOST}:{ports.partner_adapters}",
        SIMULATORS: f"http://{HOST}:{ports.simulators}",
    }


def plan_children(
    *,
    servers: Servers,
    ports: Ports,
    secrets: DemonstrationSecrets,
    logs: Path,
    pace: float,
    outcome: str,
    inherited: Mapping[str, str],
) -> dict[str, ChildPlan]:
    """The four child processes, by name.

    `pace`: seconds between two steps of an agency. `inherited`: further settings of the services.
    """
    shared = {
        **inherited,
        "AIGUILLAGE_HOST": HOST,
        "AIGUILLAGE_DATABASE_URL": servers.database_url,
        "AIGUILLAGE_KAFKA": servers.kafka,
        "AIGUILLAGE_KEY_RING": secrets.key_ring,
        "AIGUILLAGE_SESSION_PUBLIC_KEY": secrets.session_public_key,
        "AIGUILLAGE_INTAKE_PORT": str(ports.intake),
        "AIGUILLAGE_ROUTER_PORT": str(ports.router),
        "AIGUILLAGE_PARTNER_ADAPTERS_PORT": str(ports.partner_adapters),
        "AIGUILLAGE_INTAKE_URL": door_urls(ports)[INTAKE],
        "AIGUILLAGE_ROUTER_URL": door_urls(ports)[ROUTER],
        "AIGUILLAGE_PARTNER_ADAPTERS_URL": door_urls(ports)[PARTNER_ADAPTERS],
    }
    environments: dict[str, Mapping[str, str]] = {
        INTAKE: {**shared, "AIGUILLAGE_SESSION_PRIVATE_KEY": secrets.session_private_key},
        ROUTER: shared,
        PARTNER_ADAPTERS: {**shared, **_addresses(ports), **_secrets(secrets)},
        SIMULATORS: _simulators(servers, ports, secrets, pace=pace, outcome=outcome),
    }
    return {
        name: ChildPlan(
            name=name,
            command=[sys.executable, "-m", "services.command_line", name.replace("_", "-")],
            log_file=logs / f"{name}.log",
            environment=environment,
        )
        for name, environment in environments.items()
    }


def _addresses(ports: Ports) -> dict[str, str]:
    addresses = {
        f"AIGUILLAGE_PARTNER_ADDRESS_{partner_id.upper()}": (
            f"http://{HOST}:{ports.simulators + offset}"
        )
        for partner_id, offset in DOOR_PORTS.items()
    }
    sftp = ports.simulators + LAPOSTE_SFTP_PORT
    mail, mailbox = ports.simulators + SNCF_MAIL_PORT, ports.simulators + SNCF_MAILBOX_PORT
    return {
        "AIGUILLAGE_PARTNERS_ON_LOOPBACK": "true",
        "AIGUILLAGE_PARTNERS_EVERY_SECONDS": "1",
        "AIGUILLAGE_PARTNER_ADDRESS_LAPOSTE": f"sftp://{HOST}:{sftp}",
        "AIGUILLAGE_PARTNER_ADDRESS_SNCF": f"smtp://{HOST}:{mail}",
        "AIGUILLAGE_PARTNER_STATUS_ADDRESS_SNCF": f"imap://{HOST}:{mailbox}",
        **addresses,
    }


def _secrets(secrets: DemonstrationSecrets) -> dict[str, str]:
    return {f"AIGUILLAGE_SECRET_{name}": value for name, value in secrets.partner_secrets.items()}


def _simulators(
    servers: Servers, ports: Ports, secrets: DemonstrationSecrets, *, pace: float, outcome: str
) -> dict[str, str]:
    urls = door_urls(ports)
    accounts = {
        partner_id: {"account": account, "password": secrets.passwords[account]}
        for partner_id, account in PORTAL_ACCOUNTS.items()
    }
    return {
        **_secrets(secrets),
        "AIGUILLAGE_SIMULATOR_HOST": HOST,
        "AIGUILLAGE_SIMULATOR_BASE_PORT": str(ports.simulators),
        "AIGUILLAGE_SIMULATOR_PACE": str(pace),
        "AIGUILLAGE_SIMULATOR_OUTCOME": outcome,
        "AIGUILLAGE_SIMULATOR_CALLBACK_URL": urls[PARTNER_ADAPTERS],
        "AIGUILLAGE_SIMULATOR_INTAKE_URL": urls[INTAKE],
        "AIGUILLAGE_SIMULATOR_PORTAL_URL": urls[PARTNER_ADAPTERS],
        "AIGUILLAGE_SIMULATOR_PORTAL_ACCOUNTS": json.dumps(accounts),
        "AIGUILLAGE_SIMULATOR_KAFKA_AGENCIES": servers.kafka_agencies,
        **{
            f"AIGUILLAGE_SIMULATOR_{partner_id.upper()}_PRIVATE_KEY": key
            for partner_id, key in secrets.agency_private_keys.items()
        },
    }
