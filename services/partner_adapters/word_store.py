"""All SQL on the words that no file translates: those still unknown, and those people mapped."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.partner_adapters.status_store import Said, StoredWord
from services.partner_adapters.status_words import StatusWords
from shared.contracts.referral_status import ReferralStatus, RefusalReason
from shared.plumbing.database import Database, Row, Transaction

WordKind = Literal["status", "reason"]


async def lock_mapped_words(tx: Transaction, partner_ids: Sequence[str]) -> dict[str, StatusWords]:
    """What people mapped; until this transaction ends, nobody maps anything.

    So a word is either recorded with what it was mapped to, or found by whoever maps it.
    """
    await tx.execute("LOCK TABLE partner_adapters.mapped_words IN SHARE MODE")
    return await get_mapped_words(tx, partner_ids)


async def get_mapped_words(tx: Transaction, partner_ids: Sequence[str]) -> dict[str, StatusWords]:
    """What people mapped, at this moment."""
    rows = await tx.fetch(
        "SELECT partner_id, kind, word, meaning FROM partner_adapters.mapped_words "
        "WHERE partner_id = ANY($1::text[])",
        list(partner_ids),
    )
    statuses: dict[str, dict[str, ReferralStatus]] = defaultdict(dict)
    reasons: dict[str, dict[str, RefusalReason]] = defaultdict(dict)
    for row in rows:
        if row["kind"] == "status":
            statuses[row["partner_id"]][row["word"]] = ReferralStatus(row["meaning"])
        else:
            reasons[row["partner_id"]][row["word"]] = RefusalReason(row["meaning"])
    return {
        each: StatusWords(statuses=statuses[each], refusal_reasons=reasons[each])
        for each in partner_ids
    }


async def insert_mapped_word(
    tx: Transaction,
    *,
    partner_id: str,
    kind: WordKind,
    word: str,
    meaning: str,
    account: str,
    now: datetime,
) -> str | None:
    """Map a word; returns what it was mapped to already, or None when it is new."""
    inserted = await tx.fetchval(
        """
        INSERT INTO partner_adapters.mapped_words
            (partner_id, kind, word, meaning, mapped_by, mapped_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING true
        """,
        partner_id,
        kind,
        word,
        meaning,
        account,
        now,
    )
    if inserted:
        return None
    earlier: str = await tx.fetchval(
        "SELECT meaning FROM partner_adapters.mapped_words "
        "WHERE partner_id = $1 AND kind = $2 AND word = $3",
        partner_id,
        kind,
        word,
    )
    return earlier


async def list_mapped_words(database: Database, partner_id: str) -> list[Row]:
    """What people mapped for a partner, the latest first."""
    return await database.fetch(
        "SELECT kind, word, meaning, mapped_by, mapped_at FROM partner_adapters.mapped_words "
        "WHERE partner_id = $1 ORDER BY mapped_at DESC, kind, word",
        partner_id,
    )


async def list_unknown_words(tx: Transaction, partner_id: str, *, limit: int) -> list[Row]:
    """The words that wait to be mapped, the most frequent first, each with one that can be opened.

    Columns: referrals, first_at, last_at, and of the latest: case_id, word, reason_word (in clear
    if a table has them), words_sealed.
    """
    return await tx.fetch(
        """
        SELECT count(DISTINCT s.referral_id) AS referrals, min(s.received_at) AS first_at,
               max(s.received_at) AS last_at, s.word, s.reason_word,
               (array_agg(r.case_id ORDER BY s.received_at DESC))[1] AS case_id,
               (array_agg(s.words_sealed ORDER BY s.received_at DESC))[1] AS words_sealed
        FROM partner_adapters.seen_statuses s JOIN partner_adapters.referrals r USING (referral_id)
        WHERE s.partner_id = $1 AND s.meaning = 'unknown_word'
        GROUP BY s.word, s.word_key, s.reason_word, s.reason_key
        ORDER BY 1 DESC, 3 DESC LIMIT $2
        """,
        partner_id,
        limit,
    )


async def list_referrals_with_word(
    tx: Transaction,
    partner_id: str,
    *,
    kind: WordKind,
    word: str,
    key: bytes,
    after: UUID | None,
    limit: int,
) -> list[UUID]:
    """The referrals of which this word, still unknown, was said, in the order of their ids.

    The version before this one stored unknown words in clear.
    """
    rows = await tx.fetch(
        """
        SELECT DISTINCT referral_id FROM partner_adapters.seen_statuses
        WHERE partner_id = $1 AND meaning = 'unknown_word'
          AND CASE $6 WHEN 'status' THEN word_key = $2 OR word = $3
                      ELSE reason_key = $2 OR reason_word = $3 END
          AND ($4::uuid IS NULL OR referral_id > $4)
        ORDER BY referral_id LIMIT $5
        """,
        partner_id,
        key,
        word,
        after,
        limit,
        kind,
    )
    return [row["referral_id"] for row in rows]


async def list_unknown_statuses(tx: Transaction, referral_ids: Sequence[UUID]) -> list[Row]:
    """Every status of these referrals that could not be translated, in the order it was said."""
    return await tx.fetch(
        """
        SELECT partner_id, status_id, referral_id, word, reason_word, words_sealed, said_at, sealed
        FROM partner_adapters.seen_statuses
        WHERE referral_id = ANY($1::uuid[]) AND meaning = 'unknown_word'
        ORDER BY said_at, received_at, status_id
        """,
        list(referral_ids),
    )


@dataclass(frozen=True)
class Repaired:
    """A status that means something now, with its words as they are stored from now on."""

    said: Said
    meaning: str
    word: StoredWord
    reason: StoredWord


async def mark_repaired(tx: Transaction, repaired: Sequence[Repaired]) -> None:
    """Keep what statuses mean now."""
    await tx.execute(
        """
        UPDATE partner_adapters.seen_statuses s
        SET meaning = m.meaning, word = m.word, word_key = m.word_key,
            reason_word = m.reason_word, reason_key = m.reason_key, words_sealed = NULL
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[],
                    $7::bytea[])
            AS m (partner_id, status_id, meaning, word, word_key, reason_word, reason_key)
        WHERE s.partner_id = m.partner_id AND s.status_id = m.status_id
        """,
        [each.said.partner_id for each in repaired],
        [each.said.status.status_id for each in repaired],
        [each.meaning for each in repaired],
        [each.word.clear for each in repaired],
        [each.word.key for each in repaired],
        [each.reason.clear for each in repaired],
        [each.reason.key for each in repaired],
    )
