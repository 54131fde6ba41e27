"""A partner is data: the models of partners/<partner>.toml, and the loader that names the line.

A new partner of a known kind is one more file here; nothing else in this service lists partners.
"""

import ipaddress
import re
import tomllib
from collections.abc import Collection, Sequence
from datetime import timedelta
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.partner_adapters.breaker import BreakerRules
from services.partner_adapters.referral_progress import AfterUnknown, DeliveryRules
from services.partner_adapters.retry_schedule import DEFAULT_DELAYS
from services.partner_adapters.status_words import StatusWords
from shared.contracts.referral_status import ReferralStatus, RefusalReason

VisitorField = Literal[
    "given_name", "family_name", "birth_date", "postcode", "phone", "email", "identifiers"
]
SecretName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
MappedStatus = Literal[
    ReferralStatus.ACKNOWLEDGED,
    ReferralStatus.IN_PROGRESS,
    ReferralStatus.NEEDS_INFORMATION,
    ReferralStatus.RESOLVED,
    ReferralStatus.REFUSED,
]
"""What an agency can say; the other statuses are ours to give."""


class PartnerFileError(Exception):
    """A partner file that cannot be used; one line per fault, each with file and line."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OAuth2(_Table):
    """Client credentials; the values are names of secrets."""

    way: Literal["oauth2"]
    client_id: SecretName
    client_secret: SecretName


class ApiKey(_Table):
    way: Literal["api_key"]
    api_key: SecretName


class PublicKey(_Table):
    """The agency's key, a JWK: what is written to it is encrypted to this key."""

    way: Literal["public_key"]
    public_key: SecretName


class NoCredentials(_Table):
    way: Literal["none"] = "none"


class ByCallback(_Table):
    """The agency calls us, signing as Standard Webhooks."""

    way: Literal["callback"]
    secret: SecretName


class ByPolling(_Table):
    """We ask the agency."""

    way: Literal["polling"]
    every_seconds: float = Field(default=2, gt=0, le=3600)


class ByTopic(_Table):
    """The agency writes on its reply topic."""

    way: Literal["topic"]


class ByPortal(_Table):
    """The agency's people answer at our own door."""

    way: Literal["portal"]


class Limits(_Table):
    concurrency: int = Field(default=8, ge=1, le=64)
    """Calls under way at once, and deliveries held in memory."""
    request_timeout_seconds: float = Field(default=10, gt=0, le=300)


class Retry(_Table):
    delays_seconds: tuple[Annotated[float, Field(ge=0)], ...] = Field(DEFAULT_DELAYS, min_length=1)
    look_up_after_seconds: float = Field(default=30, ge=0)
    """After the start of a call of unknown outcome: before, it may still be worked on there."""


class BreakerSettings(_Table):
    failures_to_open: int = Field(default=5, ge=1)
    first_pause_seconds: float = Field(default=5, gt=0)
    longest_pause_seconds: float = Field(default=60, gt=0)

    def rules(self) -> BreakerRules:
        return BreakerRules(
            failures_to_open=self.failures_to_open,
            first_pause=self.first_pause_seconds,
            longest_pause=self.longest_pause_seconds,
        )


class Unit(_Table):
    unit_id: str
    name: str
    postcodes: tuple[str, ...] = ()


class PartnerFile(_Table):
    """One partner, as its file says. Secrets are named here and never written here."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]{1,30}$")
    name: str = Field(min_length=1)
    kind: str
    address: str | None = None
    accepting: bool = True
    after_unknown: AfterUnknown
    permitted_fields: tuple[VisitorField, ...]
    """What of the visitor may leave for this partner; `identifiers`: only its own."""
    needed_identifiers: tuple[str, ...] = ()
    credentials: OAuth2 | ApiKey | PublicKey | NoCredentials = Field(
        default=NoCredentials(), discriminator="way"
    )
    status_return: ByCallback | ByPolling | ByTopic | ByPortal = Field(discriminator="way")
    statuses: dict[str, MappedStatus] = Field(min_length=1)
    """The agency's own words → ours. A word that is not here needs a person."""
    refusal_reasons: dict[str, RefusalReason] = {}
    limits: Limits = Limits()
    retry: Retry = Retry()
    breaker: BreakerSettings = BreakerSettings()
    units: tuple[Unit, ...] = ()

    @model_validator(mode="after")
    def _address_is_safe(self) -> "PartnerFile":
        if self.address is not None:
            check_address(self.address)
        return self

    def delivery_rules(self) -> DeliveryRules:
        """What happens after a failed call."""
        return DeliveryRules(
            delays=self.retry.delays_seconds,
            after_unknown=self.after_unknown,
            look_up_after=timedelta(seconds=self.retry.look_up_after_seconds),
        )

    def status_words(self) -> StatusWords:
        """The tables that translate what the partner says."""
        return StatusWords(statuses=self.statuses, refusal_reasons=self.refusal_reasons)

    def secret_names(self) -> list[str]:
        """The secrets this partner needs, by name."""
        tables: Sequence[BaseModel] = (self.credentials, self.status_return)
        return [
            str(value)
            for table in tables
            for name, value in table
            if name in {"client_id", "client_secret", "api_key", "public_key", "secret"}
        ]


def check_address(address: str) -> None:
    """Raise ValueError unless the address is https, or http on this very machine."""
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and _is_loopback(parts.hostname or ""):
        return
    raise ValueError("the address must be https (http only towards this machine)")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_partner_files(
    *, kinds: Collection[str], folder: Path | None = None
) -> dict[str, PartnerFile]:
    """Every partner by id, from the package and from `folder`; raises `PartnerFileError`."""
    places: list[Traversable] = [resources.files("services.partner_adapters") / "partners"]
    if folder is not None:
        places.append(folder)
    partners: dict[str, PartnerFile] = {}
    faults: list[str] = []
    for place in places:
        for file in sorted(place.iterdir(), key=lambda each: each.name):
            if not file.name.endswith(".toml"):
                continue
            try:
                partner = parse_partner_file(
                    file.read_text(encoding="utf-8"), name=file.name, kinds=kinds
                )
            except PartnerFileError as error:
                faults.append(str(error))
                continue
            partners[partner.id] = partner
    if faults:
        raise PartnerFileError("\n".join(faults))
    return partners


def parse_partner_file(text: str, *, name: str, kinds: Collection[str]) -> PartnerFile:
    """Read one file; raises `PartnerFileError` with every fault as `caf.toml:12: …`."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise PartnerFileError(f"{name}:{line.group(1) if line else 1}: {error}") from error
    try:
        partner = PartnerFile.model_validate(content)
    except ValidationError as error:
        faults = [
            f"{name}:{_line_of(text, fault['loc'])}: "
            f"{'.'.join(str(part) for part in fault['loc']) or 'file'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_context=False)
        ]
        raise PartnerFileError("\n".join(faults)) from error
    if partner.kind not in kinds:
        raise PartnerFileError(
            f"{name}:{_line_of(text, ('kind',))}: kind: {partner.kind!r} is not one of "
            f"{', '.join(sorted(kinds))}"
        )
    if partner.id != name.removesuffix(".toml"):
        raise PartnerFileError(f"{name}:{_line_of(text, ('id',))}: id: must be the file's name")
    return partner


def _line_of(text: str, location: tuple[int | str, ...]) -> int:
    """The line that sets what `location` names, or its table's line, or 1."""
    names = [part for part in location if isinstance(part, str)]
    table, found = "", 1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([\w.-]+)", line):
            table = header.group(1)
            if names and table == names[0]:
                found = number
        elif setting := re.match(r"\s*\"?([^\"=\s]+)\"?\s*=", line):
            path = [*(table.split(".") if table else []), setting.group(1)]
            if names and (path[0], path[-1]) == (names[0], names[-1]):
                return number
            if not table and names[:1] == path:
                found = number
    return found
