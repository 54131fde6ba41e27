"""This service's settings, read from the environment: `AIGUILLAGE_…`.

Partners' addresses and secrets are named by their files: see `partner_environment.py`.
"""

from pathlib import Path

from pydantic import Field, field_validator

from shared.plumbing.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service needs, and what only partner_adapters does."""

    partner_adapters_port: int = Field(default=8002, ge=0, le=65535)
    partners: str | None = None
    """Ids of the partners this process serves, with commas; all of them without."""
    partners_folder: Path | None = None
    """More partner files; one with the id of a packaged one takes its place."""
    partners_on_loopback: bool = False
    """Partners may be on this very machine: simulators. Never in production."""
    intake_url: str | None = None
    """Where people sign in; without it, at this same address (one public origin for all doors)."""
    retry_delays: str | None = None
    """Seconds before each attempt, with commas; in place of every partner file's schedule."""

    partners_every_seconds: float | None = Field(default=None, gt=0)
    """At most so long between two hand-overs by file and between two looks for statuses, whatever
    the partner files say: demonstrations and tests cannot wait five minutes."""

    @field_validator("retry_delays")
    @classmethod
    def _delays_are_numbers(cls, text: str | None) -> str | None:
        if text is not None and any(float(delay) < 0 for delay in text.split(",")):
            raise ValueError("delays are seconds, not negative, with commas")
        return text

    @property
    def sign_in(self) -> str:
        return f"{(self.intake_url or '').rstrip('/')}/guichet"

    def served(self) -> frozenset[str] | None:
        """The partners to serve, or None for all."""
        if self.partners is None:
            return None
        return frozenset(each.strip() for each in self.partners.split(",") if each.strip())

    def delays(self) -> tuple[float, ...] | None:
        """The schedule to use for every partner, or None: as their files say."""
        if self.retry_delays is None:
            return None
        return tuple(float(delay) for delay in self.retry_delays.split(","))
