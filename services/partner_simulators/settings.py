"""Everything the simulators are told from outside; a missing secret shows at start-up."""

from typing import Self

from pydantic import BaseModel, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.partner_simulators.agencies import (
    ALL_AGENCIES,
    MAIL_AGENCY,
    PORTAL_AGENCIES,
    QUEUE_AGENCY,
    REST_AGENCIES,
    SFTP_AGENCY,
    SOAP_AGENCY,
    WEBHOOK_AGENCY,
)
from services.partner_simulators.casework import OUTCOMES


class PortalAccount(BaseModel):
    """Who signs in at intake for a portal agency."""

    account: str
    password: SecretStr


class Settings(BaseSettings):
    """Read from the environment, prefix AIGUILLAGE_.

    The secrets are the very variables our own side reads (AIGUILLAGE_SECRET_CAF_API_KEY…),
    so that one environment serves both.
    """

    model_config = SettingsConfigDict(env_prefix="AIGUILLAGE_", extra="ignore")

    simulator_host: str = "127.0.0.1"
    simulator_base_port: int = Field(default=8100, ge=0, le=65529)
    """The control port; the agencies follow it. 0 takes free ports everywhere (tests)."""
    simulator_partners: tuple[str, ...] = ALL_AGENCIES
    simulator_pace: float = Field(default=2.0, ge=0)
    simulator_outcome: str = "mixed"

    simulator_callback_url: str | None = None
    """Where partner_adapters listens, e.g. http://localhost:8002 (callbacks)."""
    simulator_intake_url: str | None = None
    simulator_portal_url: str | None = None
    simulator_portal_accounts: dict[str, PortalAccount] = {}
    simulator_kafka_agencies: str | None = None
    """host:port of the agencies' SASL/SCRAM listener."""
    simulator_casvp_private_key: SecretStr | None = None
    simulator_sncf_private_key: SecretStr | None = None
    """The authority that certifies sncf's servers: its key and its certificate, PEM."""
    simulator_laposte_private_key: SecretStr | None = None
    """The host key of laposte's SFTP server."""

    secret_caf_client_id: SecretStr | None = None
    secret_caf_client_secret: SecretStr | None = None
    secret_caf_callback_secret: SecretStr | None = None
    secret_cpam_username: SecretStr | None = None
    secret_cpam_password: SecretStr | None = None
    secret_edf_api_key: SecretStr | None = None
    secret_engie_signing_keys: SecretStr | None = None
    secret_engie_callback_secret: SecretStr | None = None
    secret_laposte_private_key: SecretStr | None = None
    """Ours; the agency needs its public half only."""
    secret_sncf_mail_user: SecretStr | None = None
    secret_sncf_mail_password: SecretStr | None = None
    secret_casvp_kafka_password: SecretStr | None = None

    def port_of(self, offset: int) -> int:
        """The port of an agency's door, or 0 for a free one."""
        return self.simulator_base_port + offset if self.simulator_base_port else 0

    def secret(self, name: str) -> str:
        """The secret `AIGUILLAGE_<NAME>`, known to be there."""
        value: SecretStr = getattr(self, name)
        return value.get_secret_value()

    @model_validator(mode="after")
    def _complete_for_the_partners_asked_for(self) -> Self:
        unknown = set(self.simulator_partners) - set(ALL_AGENCIES)
        if unknown:
            raise ValueError(f"no such partner: {', '.join(sorted(unknown))}")
        if self.simulator_outcome != "mixed" and self.simulator_outcome not in OUTCOMES:
            raise ValueError(f"no such outcome: {self.simulator_outcome}")
        missing = [
            f"AIGUILLAGE_{name.upper()}"
            for partner_id in self.simulator_partners
            for name in _needed_by(partner_id)
            if getattr(self, name) is None
        ]
        missing += [
            f"AIGUILLAGE_SIMULATOR_PORTAL_ACCOUNTS[{partner_id}]"
            for partner_id in PORTAL_AGENCIES
            if partner_id in self.simulator_partners
            and partner_id not in self.simulator_portal_accounts
        ]
        if missing:
            raise ValueError(f"missing: {', '.join(sorted(set(missing)))}")
        return self


_NEEDED = {
    QUEUE_AGENCY: (
        "simulator_kafka_agencies",
        "simulator_casvp_private_key",
        "secret_casvp_kafka_password",
    ),
    MAIL_AGENCY: (
        "simulator_sncf_private_key",
        "secret_sncf_mail_user",
        "secret_sncf_mail_password",
    ),
    SFTP_AGENCY: ("simulator_laposte_private_key", "secret_laposte_private_key"),
    SOAP_AGENCY: ("secret_cpam_username", "secret_cpam_password"),
    WEBHOOK_AGENCY: (
        "simulator_callback_url",
        "secret_engie_signing_keys",
        "secret_engie_callback_secret",
    ),
    **dict.fromkeys(PORTAL_AGENCIES, ("simulator_intake_url", "simulator_portal_url")),
}


def _needed_by(partner_id: str) -> tuple[str, ...]:
    if partner_id not in REST_AGENCIES:
        return _NEEDED[partner_id]
    facts = REST_AGENCIES[partner_id]
    needed: tuple[str, ...] = (f"secret_{partner_id}_api_key",)
    if facts.key == "oauth2":
        needed = (f"secret_{partner_id}_client_id", f"secret_{partner_id}_client_secret")
    if facts.tells_by == "callback":
        needed += ("simulator_callback_url", f"secret_{partner_id}_callback_secret")
    return needed
