"""The `[settings]` of an `sftp` partner: its folders, below its address, and its half files."""

from datetime import timedelta

from pydantic import Field

from services.partner_adapters.partner_file import Table


class Folders(Table):
    """Paths without a slash at either end; they exist, we make none."""

    inbox: str = Field(default="depot", min_length=1)
    """We write batches here."""
    done: str = Field(default="depot/traites", min_length=1)
    """The agency moves the batches it took there, and keeps them a while."""
    returns: str = Field(default="retour", min_length=1)
    """The agency writes acknowledgements and statuses here."""
    archive: str = Field(default="retour/lus", min_length=1)
    """We move what we have recorded there."""
    half_file_seconds: float = Field(default=3600, ge=60, le=7 * 86_400)
    """A file that is not whole so long after its last change is told to a person."""

    @property
    def patience(self) -> timedelta:
        return timedelta(seconds=self.half_file_seconds)
