"""Settings of every service, read from the environment: `AIGUILLAGE_…`.

Nothing that opens a door has a default. Secrets are never shown.
"""

from typing import Literal, Self

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "AIGUILLAGE_"
_MASK = "…"


class SettingsMissing(Exception):
    """The environment does not say enough to start; the text names each variable to set."""


class ServiceSettings(BaseSettings):
    """What all three services need; each adds its own in its `settings.py`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    database_url: SecretStr
    """postgresql://user:password@host/database"""
    kafka: str
    """host:port[,host:port…]"""
    key_ring: SecretStr
    """See `sealing.py`: `kid:base64,…,search:base64`."""
    session_public_key: str
    """See `access.py`: JWK on one line."""

    host: str = "127.0.0.1"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    otlp_endpoint: str | None = None
    """Where spans go, for example http://collector:4318/v1/traces; none are made without it."""

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment; raises `SettingsMissing`."""
        try:
            return cls()
        except ValidationError as error:
            raise SettingsMissing("\n".join(explain(error))) from None

    def masked(self) -> dict[str, object]:
        """The settings as they may be logged at start-up."""
        return {
            name: _MASK if isinstance(value, SecretStr) else value
            for name, value in self
            if value is not None
        }


def explain(error: ValidationError) -> list[str]:
    """One sentence for each variable that is missing or wrong, without its value."""
    return [
        f"{PREFIX}{str(item['loc'][0]).upper()} must be set"
        if item["type"] == "missing"
        else f"{PREFIX}{'.'.join(str(part) for part in item['loc']).upper()} is wrong: "
        f"{item['msg'].lower()}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    ]
