"""The status message as agencies send it: by callback, by polling, on their reply topic."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from services.partner_adapters.partner_adapter import PartnerStatus

Word = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
Message = Annotated[str, StringConstraints(max_length=20_000, pattern=r"^[^\x00]*$")]

MOST_STATUSES = 100
"""In one callback."""


class StatusMessage(BaseModel):
    """One status in the agency's own words; `id` is unique per status, a repetition has it too."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    referral_id: UUID
    status: Word
    at: AwareDatetime
    reason: Word | None = None
    message: Message | None = None

    def as_status(self) -> PartnerStatus:
        return PartnerStatus(
            status_id=self.id,
            referral_id=self.referral_id,
            word=self.status,
            at=self.at,
            reason_word=self.reason,
            message=self.message or None,
        )


class StatusBatch(BaseModel):
    """Up to 100 status messages at once."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    statuses: Annotated[list[StatusMessage], Field(min_length=1, max_length=MOST_STATUSES)]
