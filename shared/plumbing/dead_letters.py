"""What could not be handled, as rows: listed, shown and replayed from here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.plumbing.database import Database, Row, Transaction


@dataclass(frozen=True)
class DeadLetter:
    """One message as it came, and why it could not be handled. Quotes no content in `error`."""

    consumer: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: list[tuple[str | None, str | None]]
    """Values that are not UTF-8 are kept as `base64:…`."""
    value: bytes | None
    error: str


async def insert_dead_letters(
    tx: Transaction, *, schema: str, letters: Sequence[DeadLetter], now: datetime
) -> None:
    """Bury messages, in the transaction of their batch; burying one twice changes nothing."""
    if not letters:
        return
    await tx.execute(
        f"""
        INSERT INTO {schema}.dead_letters
            (consumer, topic, partition, "offset", key, headers, value, error, buried_at)
        SELECT consumer, topic, partition, "offset", key, headers::jsonb, value, error, $9
        FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::bytea[], $6::text[],
                    $7::bytea[], $8::text[])
            AS l (consumer, topic, partition, "offset", key, headers, value, error)
        ON CONFLICT DO NOTHING
        """,
        [letter.consumer for letter in letters],
        [letter.topic for letter in letters],
        [letter.partition for letter in letters],
        [letter.offset for letter in letters],
        [letter.key for letter in letters],
        [json.dumps(letter.headers) for letter in letters],
        [letter.value for letter in letters],
        [letter.error for letter in letters],
        now,
    )


async def list_dead_letters(
    database: Database, *, schema: str, replayed: bool = False, after: int = 0, limit: int = 100
) -> list[Row]:
    """A page of dead letters, oldest first, without their values."""
    return await database.fetch(
        f"""
        SELECT id, consumer, topic, partition, "offset", error, buried_at, replayed_at,
               replayed_by, octet_length(value) AS size
        FROM {schema}.dead_letters
        WHERE id > $1 AND (replayed_at IS NOT NULL) = $2 ORDER BY id LIMIT $3
        """,
        after,
        replayed,
        limit,
    )


async def find_dead_letter(database: Database, *, schema: str, letter_id: int) -> Row | None:
    """One dead letter, whole."""
    return await database.fetchrow(f"SELECT * FROM {schema}.dead_letters WHERE id = $1", letter_id)


async def mark_replayed(
    database: Database, *, schema: str, letter_id: int, by: str, now: datetime
) -> None:
    """Note who had a letter published again, and when."""
    await database.run_alone(
        f"UPDATE {schema}.dead_letters SET replayed_at = $2, replayed_by = $3 WHERE id = $1",
        letter_id,
        now,
        by,
    )
