"""Intake's settings: `AIGUILLAGE_…` in the environment."""

from pydantic import SecretStr

from shared.plumbing.settings import ServiceSettings


class Settings(ServiceSettings):
    session_private_key: SecretStr
    """Signs sessions; intake alone has it. See `access.py`: JWK on one line."""
    intake_port: int = 8000
    database_connections: int = 10
    router_url: str | None = None
    partner_adapters_url: str | None = None
    """The other doors; without them, at this same address (one public origin for all doors)."""

    def pages_elsewhere(self) -> dict[str, str]:
        """The pages of the other doors that ours link to, by name."""
        router = (self.router_url or "").rstrip("/")
        partners = (self.partner_adapters_url or "").rstrip("/")
        return {
            "triage": f"{router}/tri",
            "portal": f"{partners}/portail",
            "operations": f"{partners}/exploitation",
        }
