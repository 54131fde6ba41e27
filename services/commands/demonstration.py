"""The demonstration sites, stations and accounts of `aiguillage up`, opened in intake."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from services.commands.demonstration_secrets import DemonstrationSecrets
from shared.plumbing.clock import Clock

PORTAL_ACCOUNTS = {"mairie": "guichet-mairie", "accompagnement": "mediation"}
"""Who works each portal agency's inbox in the demonstration."""
CLIENT_ACCOUNT = "client-pimms"
OPERATIONS_ACCOUNT = "supervision"


def read_demonstration() -> dict[str, list[dict[str, Any]]]:
    """The packaged `demonstration.toml`: sites, stations, clients and people."""
    file = resources.files("services.commands") / "demonstration.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def token_accounts(demonstration: Mapping[str, list[dict[str, Any]]]) -> list[str]:
    """The accounts that hold a bearer token."""
    stations = [str(station["station_id"]) for station in demonstration["stations"]]
    return [*stations, *(str(client["account"]) for client in demonstration["clients"])]


def people_accounts(demonstration: Mapping[str, list[dict[str, Any]]]) -> list[str]:
    """The accounts that sign in with a password."""
    return [str(person["account"]) for person in demonstration["people"]]


def complete_plan(
    demonstration: Mapping[str, list[dict[str, Any]]], secrets: DemonstrationSecrets
) -> dict[str, list[dict[str, Any]]]:
    """The plan that intake provisions: the demonstration with its tokens and passwords."""
    return {
        "sites": demonstration["sites"],
        "stations": [
            {**station, "token": secrets.tokens[station["station_id"]]}
            for station in demonstration["stations"]
        ],
        "clients": [
            {**client, "token": secrets.tokens[client["account"]]}
            for client in demonstration["clients"]
        ],
        "people": [
            {**person, "password": secrets.passwords[person["account"]]}
            for person in demonstration["people"]
        ],
    }


async def open_demonstration(
    database_url: str, *, secrets: DemonstrationSecrets, clock: Clock
) -> None:
    """Open everything in intake; what exists already is brought in line."""
    from services.intake.provision import Plan, provision
    from shared.plumbing.database import Database
    from shared.plumbing.passwords import Passwords

    plan = Plan.model_validate(complete_plan(read_demonstration(), secrets))
    database = await Database.connect(database_url, application="up", max_size=2)
    try:
        await provision(plan, database=database, passwords=Passwords(), clock=clock)
    finally:
        await database.close()
