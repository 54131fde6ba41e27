"""A lesson gets the text it is about: masked, sealed, fit to be kept. CPU work, without I/O."""

from collections.abc import Sequence

from services.router.case_file import CaseFile, Lesson
from services.router.learning.example_store import LabelledExample
from services.router.learning.mask_identity import mask_identity
from shared.contracts.personal import RequestContent, SealedContent
from shared.plumbing.observability import log
from shared.plumbing.sealing import CannotOpen, Sealer


class MaskedText(SealedContent):
    """A visitor's text without what identifies them."""

    text: str


def label_texts(
    case: CaseFile, lessons: Sequence[Lesson], *, sealer: Sealer
) -> list[LabelledExample]:
    """The examples that lessons on one case make; none when its seal does not open.

    Learning is never a reason to hold up a case.
    """
    if not lessons or case.request is None:
        return []
    try:
        content = sealer.open(case.request.sealed, RequestContent, bound_to=case.case_id)
    except CannotOpen:
        log.warning("example_not_kept", case_id=str(case.case_id))
        return []
    masked = MaskedText(text=mask_identity(content.text, content.visitor))
    return [
        LabelledExample(
            lesson=lesson,
            language=case.request.language,
            sealed=sealer.seal(masked, bound_to=case.case_id),
        )
        for lesson in lessons
    ]
