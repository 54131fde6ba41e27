"""Where a page of a list goes on, as the cursor that callers hand back."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.partner_adapters.handover import instant
from shared.plumbing.problem_details import FieldError, Problem


@dataclass(frozen=True)
class Place:
    """After the row of this instant and id."""

    at: datetime
    row_id: UUID

    def written(self) -> str:
        """The cursor."""
        return f"{instant(self.at)}_{self.row_id}"


def read_place(cursor: str | None) -> Place | None:
    """None: from the beginning. Raises `Problem` 422 for what is not a cursor of ours."""
    if cursor is None:
        return None
    try:
        at, _, row_id = cursor.partition("_")
        place = Place(datetime.fromisoformat(at), UUID(row_id))
    except ValueError:
        place = None
    if place is None or place.at.tzinfo is None:
        raise Problem(
            422, errors=[FieldError("after", "Ce n’est pas un curseur que nous donnons.")]
        )
    return place
