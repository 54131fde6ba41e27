"""Open sites and let stations, clients and people in, from plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.intake.account_store import (
    insert_or_update_account,
    insert_or_update_token,
    list_taken_names,
)
from services.intake.directory_store import insert_or_update_site, insert_or_update_station
from shared.plumbing.access import hash_token, new_token
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.passwords import Passwords

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Role = Annotated[
    str,
    StringConstraints(
        pattern=r"^(kiosk|bus|api|agent|supervisor|triage|operations"
        r"|partner:[a-z][a-z0-9_]{1,31}/(\*|[A-Za-z0-9._-]{1,32}))$"
    ),
]
_AT_A_SITE = {"kiosk", "bus", "api", "agent", "supervisor"}


class AccountTaken(Exception):
    """A station or client would bear a person's name, or the other way round."""


class _Plan(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SitePlan(_Plan):
    site_id: Id
    name: str
    kind: Literal["house", "town_hall", "bus"]


class StationPlan(_Plan):
    """A screen; its account is its `station_id`. Without `token` one is made."""

    station_id: Id
    site_id: Id
    name: str
    role: Literal["kiosk", "bus"]
    token: Annotated[str, Field(min_length=32)] | None = None


class _WithRoles(_Plan):
    account: Id
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    site_id: Id | None = None

    @model_validator(mode="after")
    def _works_somewhere(self) -> Self:
        if self.site_id is None and _AT_A_SITE & set(self.roles):
            raise ValueError(f"account {self.account}: its role needs a site_id")
        return self


class ClientPlan(_WithRoles):
    """An API client or a monitoring job. Without `token` one is made."""

    token: Annotated[str, Field(min_length=32)] | None = None


class PersonPlan(_WithRoles):
    password: Annotated[str, Field(min_length=12, max_length=200)]


class Plan(_Plan):
    """Everything to open; what exists already is brought in line with it."""

    sites: Sequence[SitePlan] = ()
    stations: Sequence[StationPlan] = ()
    clients: Sequence[ClientPlan] = ()
    people: Sequence[PersonPlan] = ()

    @model_validator(mode="after")
    def _names_are_apart(self) -> Self:
        names = [*self.machines(), *(person.account for person in self.people)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} is there twice")
        return self

    def machines(self) -> list[str]:
        """The accounts that come in by a token."""
        return [
            *(station.station_id for station in self.stations),
            *(client.account for client in self.clients),
        ]


@dataclass(frozen=True)
class Provisioned:
    tokens: Mapping[str, str] = field(repr=False)
    """The bearer token of each station and client, by account: shown once, stored nowhere."""


async def provision(
    plan: Plan, *, database: Database, passwords: Passwords, clock: Clock
) -> Provisioned:
    """Store the plan in one transaction; give the tokens in force. Raises `AccountTaken`."""
    now = clock.now()
    password_hashes = {
        person.account: await passwords.hash(person.password) for person in plan.people
    }
    tokens = {
        **{station.station_id: station.token or new_token() for station in plan.stations},
        **{client.account: client.token or new_token() for client in plan.clients},
    }
    async with database.transaction() as tx:
        people = [person.account for person in plan.people]
        if taken := await list_taken_names(tx, machines=plan.machines(), people=people):
            raise AccountTaken(f"already the name of another kind of account: {', '.join(taken)}")
        await _store_places(tx, plan, now=now)
        for station in plan.stations:
            await insert_or_update_token(
                tx,
                account=station.station_id,
                token_hash=hash_token(tokens[station.station_id]),
                roles=[station.role],
                site_id=station.site_id,
                now=now,
            )
        for client in plan.clients:
            await insert_or_update_token(
                tx,
                account=client.account,
                token_hash=hash_token(tokens[client.account]),
                roles=client.roles,
                site_id=client.site_id,
                now=now,
            )
        for person in plan.people:
            await insert_or_update_account(
                tx,
                account=person.account,
                password_hash=password_hashes[person.account],
                roles=person.roles,
                site_id=person.site_id,
                now=now,
            )
    return Provisioned(tokens=tokens)


async def _store_places(tx: Transaction, plan: Plan, *, now: datetime) -> None:
    for site in plan.sites:
        await insert_or_update_site(
            tx, site_id=site.site_id, name=site.name, kind=site.kind, now=now
        )
    for station in plan.stations:
        await insert_or_update_station(
            tx,
            station_id=station.station_id,
            site_id=station.site_id,
            name=station.name,
            now=now,
        )
