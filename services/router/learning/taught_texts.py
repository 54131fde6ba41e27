"""PURE: the examples of many cases become one labelled text a case: the last word counts."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from services.router.case_file import Lesson
from services.router.learning.labelled_text import LabelledText
from shared.contracts.referral_status import RefusalReason


@dataclass(frozen=True, slots=True)
class Example:
    """A lesson with its masked text in clear."""

    lesson: Lesson
    text: str
    language: str | None


@dataclass(frozen=True, slots=True)
class TaughtText:
    """What people made of one case's text, and when they last said so."""

    text: LabelledText
    at: datetime


def taught_texts(examples: Iterable[Example]) -> list[TaughtText]:
    """One text a case, the oldest first.

    A person's decision replaces those before it. An agency that is not competent is wrong from
    then on; one outside whose area it is was the right kind of agency, so that says nothing.
    """
    of_case: defaultdict[object, list[Example]] = defaultdict(list)
    for example in sorted(examples, key=lambda each: each.lesson.at):
        of_case[example.lesson.case_id].append(example)
    taught = [_taught(theirs) for theirs in of_case.values()]
    return sorted(taught, key=lambda each: each.at)


def _taught(examples: list[Example]) -> TaughtText:
    right: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()
    for lesson in (example.lesson for example in examples):
        if lesson.source != "refusal":
            right = frozenset(lesson.agencies)
            wrong = (wrong | frozenset(lesson.not_agencies)) - right
        elif lesson.reason != RefusalReason.OUTSIDE_AREA:
            wrong |= frozenset(lesson.not_agencies)
            right -= wrong
    last = examples[-1]
    return TaughtText(
        text=LabelledText(
            text=last.text, agencies=right, not_agencies=wrong, language=last.language
        ),
        at=last.lesson.at,
    )
