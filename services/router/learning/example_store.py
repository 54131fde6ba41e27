"""All SQL on `router.labelled_examples`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.router.case_file import Lesson
from shared.plumbing.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class LabelledExample:
    """A lesson with the text it is about; `sealed` holds a `MaskedText` bound to the case."""

    lesson: Lesson
    language: str | None
    sealed: str


@dataclass(frozen=True, slots=True)
class ExamplesPage:
    """Where reading on begins: after this instant and id."""

    at: datetime
    example_id: UUID


async def insert_labelled_examples(tx: Transaction, examples: Sequence[LabelledExample]) -> None:
    """Keep what was learned; the same lesson again changes nothing."""
    if not examples:
        return
    lessons = [example.lesson for example in examples]
    await tx.execute(
        """
        INSERT INTO router.labelled_examples (
            example_id, case_id, source, agencies, not_agencies, reason, language,
            model_version, at, sealed)
        SELECT example_id, case_id, source, agencies::jsonb, not_agencies::jsonb, reason,
            language, model_version, at, sealed
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
            $7::text[], $8::text[], $9::timestamptz[], $10::text[])
            AS e (example_id, case_id, source, agencies, not_agencies, reason, language,
                model_version, at, sealed)
        ON CONFLICT (example_id) DO NOTHING
        """,
        [lesson.lesson_id for lesson in lessons],
        [lesson.case_id for lesson in lessons],
        [lesson.source for lesson in lessons],
        [json.dumps(lesson.agencies) for lesson in lessons],
        [json.dumps(lesson.not_agencies) for lesson in lessons],
        [lesson.reason for lesson in lessons],
        [example.language for example in examples],
        [lesson.model_version for lesson in lessons],
        [lesson.at for lesson in lessons],
        [example.sealed for example in examples],
    )


async def list_labelled_examples(
    database: Database, *, after: ExamplesPage | None, limit: int
) -> list[LabelledExample]:
    """Examples in the order they were learned."""
    rows = await database.fetch(
        """
        SELECT * FROM router.labelled_examples
        WHERE $1::timestamptz IS NULL OR (at, example_id) > ($1, $2::uuid)
        ORDER BY at, example_id LIMIT $3
        """,
        after.at if after else None,
        after.example_id if after else None,
        limit,
    )
    return [
        LabelledExample(
            lesson=Lesson(
                lesson_id=row["example_id"],
                case_id=row["case_id"],
                source=row["source"],
                agencies=tuple(row["agencies"]),
                not_agencies=tuple(row["not_agencies"]),
                reason=row["reason"],
                at=row["at"],
                model_version=row["model_version"],
            ),
            language=row["language"],
            sealed=row["sealed"],
        )
        for row in rows
    ]
