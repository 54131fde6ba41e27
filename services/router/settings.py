"""The router's settings, read from the environment: `AIGUILLAGE_…`."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from shared.plumbing.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service needs, and what only the router does."""

    router_port: int = Field(default=8001, ge=0, le=65535)
    undo_seconds: float = Field(default=20, ge=0, le=3600)
    """How long a person's decision waits before it is issued, so that it can be undone."""
    catalogue_folder: Path | None = None
    """Catalogue files of further partners."""
    model_file: Path | None = None
    """Where `aiguillage router retrain` leaves a better model; until then, the installed one."""
    intake_url: str | None = None
    """Where people sign in; without it, at this same address (one public origin for all doors)."""

    @property
    def sign_in(self) -> str:
        return f"{(self.intake_url or '').rstrip('/')}/guichet"

    @property
    def undo(self) -> timedelta:
        return timedelta(seconds=self.undo_seconds)
