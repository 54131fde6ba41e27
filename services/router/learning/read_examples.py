"""Read every labelled example and open its text."""

from services.router.learning.example_store import ExamplesPage, list_labelled_examples
from services.router.learning.label_texts import MaskedText
from services.router.learning.taught_texts import Example
from shared.plumbing.database import Database
from shared.plumbing.observability import log
from shared.plumbing.sealing import CannotOpen, Sealer

_PAGE = 1000


async def read_examples(database: Database, *, sealer: Sealer) -> list[Example]:
    """All of them, in the order they were learned; one whose seal does not open is left out."""
    found: list[Example] = []
    after: ExamplesPage | None = None
    while page := await list_labelled_examples(database, after=after, limit=_PAGE):
        for kept in page:
            lesson = kept.lesson
            try:
                masked = sealer.open(kept.sealed, MaskedText, bound_to=lesson.case_id)
            except CannotOpen:
                log.warning("example_not_opened", case_id=str(lesson.case_id))
                continue
            found.append(Example(lesson=lesson, text=masked.text, language=kept.language))
        after = ExamplesPage(at=page[-1].lesson.at, example_id=page[-1].lesson.lesson_id)
    return found
