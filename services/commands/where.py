"""Where things are: the environment first, else what `aiguillage up` has written down."""

import os
from collections.abc import Callable

from services.commands.demonstration import CLIENT_ACCOUNT, OPERATIONS_ACCOUNT
from services.commands.demonstration_secrets import find_secrets
from services.commands.outcome import NotReachable
from services.commands.state_folder import Running, default_state_folder


def database_url() -> str:
    return _address("PostgreSQL", "AIGUILLAGE_DATABASE_URL", lambda found: found.database_url)


def kafka() -> str:
    return _address("Kafka", "AIGUILLAGE_KAFKA", lambda found: found.kafka)


def intake_url() -> str:
    return _address("intake", "AIGUILLAGE_INTAKE_URL", lambda found: found.intake).rstrip("/")


def router_url() -> str:
    return _address("router", "AIGUILLAGE_ROUTER_URL", lambda found: found.router).rstrip("/")


def partner_adapters_url() -> str:
    return _address(
        "partner_adapters",
        "AIGUILLAGE_PARTNER_ADAPTERS_URL",
        lambda found: found.partner_adapters,
    ).rstrip("/")


def simulators_url() -> str:
    return _address("simulators", "AIGUILLAGE_SIMULATORS_URL", lambda found: found.simulators)


def client_token() -> str:
    """The bearer token for `submit` and `show`."""
    return _token(CLIENT_ACCOUNT)


def operations_token() -> str:
    """The bearer token for `partners`."""
    return _token(OPERATIONS_ACCOUNT)


def key_ring() -> str:
    """The text of the key ring that opens what the services sealed."""
    if given := os.environ.get("AIGUILLAGE_KEY_RING"):
        return given
    secrets = find_secrets(default_state_folder())
    if secrets is None:
        raise NotReachable(
            "No key ring to open what is sealed.",
            hint="Start `aiguillage up` in another terminal, or set AIGUILLAGE_KEY_RING.",
        )
    return secrets.key_ring


def partner_secrets() -> dict[str, str]:
    """The agencies' secrets of an `up` on this machine, by name; none when there never was one."""
    secrets = find_secrets(default_state_folder())
    return secrets.partner_secrets if secrets else {}


def _address(what: str, variable: str, read: Callable[[Running], str]) -> str:
    if given := os.environ.get(variable):
        return given
    running = default_state_folder().find_running()
    if running is None:
        raise NotReachable(
            f"Nothing says where {what} is.",
            hint=f"Start `aiguillage up` in another terminal, or set {variable}.",
        )
    return read(running)


def _token(account: str) -> str:
    if given := os.environ.get("AIGUILLAGE_TOKEN"):
        return given
    secrets = find_secrets(default_state_folder())
    if secrets is None or account not in secrets.tokens:
        raise NotReachable(
            "No token to come in with.",
            hint="Start `aiguillage up` in another terminal, or set AIGUILLAGE_TOKEN.",
        )
    return secrets.tokens[account]
