"""Intake's settings: `AIGUILLAGE_…` in the environment."""

from pydantic import SecretStr

from shared.plumbing.settings import ServiceSettings


class Settings(ServiceSettings):
    session_private_key: SecretStr
    """Signs sessions; intake alone has it. See `access.py`: JWK on one line."""
    intake_port: int = 8000
    database_connections: int = 10
    router_url: str | None = None
    """Where people decide; without it, at this same address (one public origin for all doors)."""

    @property
    def triage(self) -> str:
        return f"{(self.router_url or '').rstrip('/')}/tri"
