"""A partner is data: what partners/<partner>.toml says. A kind adds its own `[settings]`."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    field_validator,
    model_validator,
)

from services.partner_adapters.breaker import BreakerRules
from services.partner_adapters.opening_hours import OpeningHours, parse_span
from services.partner_adapters.pace import Pace
from services.partner_adapters.partner_address import check_address
from services.partner_adapters.referral_progress import AfterUnknown, DeliveryRules
from services.partner_adapters.retry_schedule import DEFAULT_DELAYS
from services.partner_adapters.status_words import StatusWords
from shared.contracts.referral_status import ReferralStatus, RefusalReason

VisitorField = Literal[
    "given_name", "family_name", "birth_date", "postcode", "phone", "email", "identifiers"
]
_IS_SECRET = "the name of a secret"
SecretName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$"), _IS_SECRET]
"""What is read from AIGUILLAGE_SECRET_<name>; a file never holds the secret itself."""
OptionalSecretName = Annotated[str | None, Field(pattern=r"^[A-Z][A-Z0-9_]*$"), _IS_SECRET]
MappedStatus = Literal[
    ReferralStatus.ACKNOWLEDGED,
    ReferralStatus.IN_PROGRESS,
    ReferralStatus.NEEDS_INFORMATION,
    ReferralStatus.RESOLVED,
    ReferralStatus.REFUSED,
]
"""What an agency can say; the other statuses are ours to give."""


class Table(BaseModel):
    """A table of the file; what it does not know is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def secret_names(self) -> Iterator[str]:
        """The secrets it names."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if _IS_SECRET in field.metadata and value is not None:
                yield value


OfKind = TypeVar("OfKind", bound=Table)


class NoSettings(Table):
    """Of a kind that needs no settings of its own."""


class OAuth2(Table):
    """Client credentials; the values are names of secrets."""

    way: Literal["oauth2"]
    client_id: SecretName
    client_secret: SecretName


class ApiKey(Table):
    way: Literal["api_key"]
    api_key: SecretName


class Password(Table):
    """A user name and a password; both are names of secrets."""

    way: Literal["password"]
    username: SecretName
    password: SecretName


class SshKey(Table):
    """Our private key (OpenSSH) and the agency's host key, the only one we trust."""

    way: Literal["ssh_key"]
    username: str = Field(min_length=1)
    private_key: SecretName
    host_key: SecretName


class SigningKeys(Table):
    """What we sign with, as Standard Webhooks; two keys, space between, while they change."""

    way: Literal["signing_keys"]
    signing_keys: SecretName


class PublicKey(Table):
    """The agency's key, a JWK: what is written to it is encrypted to this key."""

    way: Literal["public_key"]
    public_key: SecretName


class NoCredentials(Table):
    way: Literal["none"] = "none"


class ByCallback(Table):
    """The agency calls us, signing as Standard Webhooks."""

    way: Literal["callback"]
    secret: SecretName


class ByPolling(Table):
    """We ask the agency."""

    way: Literal["polling"]
    every_seconds: float = Field(default=2, gt=0, le=3600)
    address: str | None = None
    """Where to ask, when it is not where we deliver: a mailbox, for example."""


class ByTopic(Table):
    """The agency writes on its reply topic."""

    way: Literal["topic"]


class ByPortal(Table):
    """The agency's people answer at our own door."""

    way: Literal["portal"]


class Limits(Table):
    concurrency: int = Field(default=8, ge=1, le=64)
    """Calls under way at once."""
    request_timeout_seconds: float = Field(default=10, gt=0, le=300)
    batch: int = Field(default=1, ge=1, le=500)
    """Deliveries handed over in one call, by a kind that can; so many are held in memory."""
    every_seconds: float | None = Field(default=None, gt=0, le=86_400)
    """At most one call in so long."""
    per_minute: int | None = Field(default=None, ge=1, le=6000)
    """Calls in any minute."""
    largest_body_bytes: int = Field(default=262_144, ge=1024)
    """What is larger, as JSON, is never sent: a person must look."""

    def paces(self) -> list[Pace]:
        """All of them hold."""
        paces = []
        if self.every_seconds is not None:
            paces.append(Pace(most=1, within=timedelta(seconds=self.every_seconds)))
        if self.per_minute is not None:
            paces.append(Pace(most=self.per_minute, within=timedelta(minutes=1)))
        return paces


class Retry(Table):
    delays_seconds: tuple[Annotated[float, Field(ge=0)], ...] = Field(DEFAULT_DELAYS, min_length=1)
    look_up_after_seconds: float = Field(default=30, ge=0)
    """After the start of a call of unknown outcome: before, it may still be worked on there."""


class Hours(Table):
    """When the agency takes deliveries, in Paris: `monday = ["09:00-12:00", "13:30-17:00"]`."""

    monday: tuple[str, ...] = ()
    tuesday: tuple[str, ...] = ()
    wednesday: tuple[str, ...] = ()
    thursday: tuple[str, ...] = ()
    friday: tuple[str, ...] = ()
    saturday: tuple[str, ...] = ()
    sunday: tuple[str, ...] = ()
    open_on_holidays: bool = False

    @model_validator(mode="after")
    def _opens(self) -> "Hours":
        spans = [span for day in self.opening_hours().weekdays for span in day]
        if not spans:
            raise ValueError("it never opens")
        return self

    @field_validator("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    @classmethod
    def _spans_follow_each_other(cls, day: tuple[str, ...]) -> tuple[str, ...]:
        spans = [parse_span(span) for span in day]
        if any(after[0] <= before[1] for before, after in pairwise(spans)):
            raise ValueError("its times must follow each other")
        return day

    def opening_hours(self) -> OpeningHours:
        """As the calendar reads them."""
        week = (self.monday, self.tuesday, self.wednesday, self.thursday, self.friday)
        weekend = (self.saturday, self.sunday)
        return OpeningHours(
            weekdays=[[parse_span(span) for span in day] for day in (*week, *weekend)],
            open_on_holidays=self.open_on_holidays,
        )


class Deadline(Table):
    acknowledge_business_days: int = Field(ge=1, le=60)
    """From the delivery; an agency that said nothing by then is shown to people."""


class Expiry(Table):
    days: int = Field(ge=1, le=730)
    """From the issue; a referral that is not finished by then has expired."""


class BreakerSettings(Table):
    failures_to_open: int = Field(default=5, ge=1)
    first_pause_seconds: float = Field(default=5, gt=0)
    longest_pause_seconds: float = Field(default=7200, gt=0)
    """Reached after a day without the agency: a pause is about a tenth of the outage."""

    def rules(self) -> BreakerRules:
        return BreakerRules(
            failures_to_open=self.failures_to_open,
            first_pause=self.first_pause_seconds,
            longest_pause=self.longest_pause_seconds,
        )


class Unit(Table):
    unit_id: str
    name: str
    postcodes: tuple[str, ...] = ()


class PartnerFile(Table):
    """One partner, as its file says. Secrets are named here and never written here."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]{1,30}$")
    name: str = Field(min_length=1)
    kind: str
    address: str | None = None
    private_network: bool = False
    """The agency is reached over a closed network: its address may be a private one."""
    accepting: bool = True
    after_unknown: AfterUnknown
    permitted_fields: tuple[VisitorField, ...]
    """What of the visitor may leave for this partner; `identifiers`: only its own."""
    needed_identifiers: tuple[str, ...] = ()
    credentials: OAuth2 | ApiKey | Password | SshKey | SigningKeys | PublicKey | NoCredentials = (
        Field(default=NoCredentials(), discriminator="way")
    )
    status_return: ByCallback | ByPolling | ByTopic | ByPortal = Field(discriminator="way")
    statuses: dict[str, MappedStatus] = Field(min_length=1)
    """The agency's own words → ours. A word that is not here needs a person."""
    refusal_reasons: dict[str, RefusalReason] = {}
    limits: Limits = Limits()
    retry: Retry = Retry()
    breaker: BreakerSettings = BreakerSettings()
    hours: Hours | None = None
    deadline: Deadline | None = None
    expiry: Expiry | None = None
    units: tuple[Unit, ...] = ()
    settings: SerializeAsAny[Table] = NoSettings()
    """What this kind alone needs; the kind says which table it is."""

    @model_validator(mode="after")
    def _address_is_safe(self) -> "PartnerFile":
        if self.address is not None:
            check_address(self.address)
        return self

    def retried_after(self, delays: tuple[float, ...]) -> "PartnerFile":
        """The same with another schedule of attempts."""
        retry = self.retry.model_copy(update={"delays_seconds": delays})
        return self.model_copy(update={"retry": retry})

    def hurried(self, seconds: float) -> "PartnerFile":
        """The same, with no longer than that between two calls or two polls that are paced."""
        limits, way = self.limits, self.status_return
        if limits.every_seconds is not None:
            every = min(limits.every_seconds, seconds)
            limits = limits.model_copy(update={"every_seconds": every})
        if isinstance(way, ByPolling):
            way = way.model_copy(update={"every_seconds": min(way.every_seconds, seconds)})
        return self.model_copy(update={"limits": limits, "status_return": way})

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

    def secrets(self) -> list[str]:
        """The secrets this partner needs, by name."""
        tables: tuple[Table, ...] = (self.credentials, self.status_return, self.settings)
        return [name for table in tables for name in table.secret_names()]

    def settings_of(self, kind: type[OfKind]) -> OfKind:
        """Its settings, known to be those of this kind."""
        if not isinstance(self.settings, kind):
            raise TypeError(f"{self.id}: settings of another kind")
        return self.settings
