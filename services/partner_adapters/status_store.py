"""All SQL on what partners said.

A word that is in no table of ours may be anything, a name too: it is stored as a keyed hash, by
which it is recognised, and sealed. Words of the tables are stored in clear.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.partner_adapters.partner_adapter import PartnerStatus
from services.partner_adapters.status_words import StatusWords
from shared.contracts.personal import SealedContent
from shared.plumbing.database import Transaction
from shared.plumbing.sealing import Sealer


@dataclass(frozen=True)
class Said:
    """A status and who said it."""

    partner_id: str
    status: PartnerStatus


class SpokenWords(SealedContent):
    """The words of a status that no table could translate."""

    word: str
    reason_word: str | None


@dataclass(frozen=True)
class StoredWord:
    """A word as it is stored: in clear when a table has it, else its key; both None: not said."""

    clear: str | None
    key: bytes | None


@dataclass(frozen=True)
class Meant:
    """What a status meant. `sealed`: its words as the timeline shows them; `words_sealed`: the
    `SpokenWords` of one that meant nothing."""

    said: Said
    meaning: str
    sealed: str | None = None
    words_sealed: str | None = None


def word_key(partner_id: str, word: str, *, sealer: Sealer) -> bytes:
    """By what a word that is not stored in clear is recognised."""
    return sealer.search_key("partner word", f"{partner_id}\x1f{word}")


def stored_words(
    said: Said, words: StatusWords, *, sealer: Sealer
) -> tuple[StoredWord, StoredWord]:
    """Its word and its reason, as they are stored."""

    def stored(word: str | None, is_known: bool) -> StoredWord:
        if word is None or is_known:
            return StoredWord(clear=word, key=None)
        return StoredWord(clear=None, key=word_key(said.partner_id, word, sealer=sealer))

    word, reason = said.status.word, said.status.reason_word
    return stored(word, word in words.statuses), stored(reason, reason in words.refusal_reasons)


async def insert_unseen_statuses(
    tx: Transaction,
    said: Sequence[tuple[Said, StoredWord, StoredWord]],
    *,
    now: datetime,
) -> set[tuple[str, str]]:
    """Keep what is new; returns its (partner_id, status_id). A repetition changes nothing."""
    rows = await tx.fetch(
        """
        INSERT INTO partner_adapters.seen_statuses
            (partner_id, status_id, referral_id, word, word_key, reason_word, reason_key, said_at,
             received_at)
        SELECT s.*, $9 FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::bytea[],
                                   $6::text[], $7::bytea[], $8::timestamptz[]) AS s
        ORDER BY 1, 2
        ON CONFLICT DO NOTHING RETURNING partner_id, status_id
        """,
        [each.partner_id for each, _, _ in said],
        [each.status.status_id for each, _, _ in said],
        [each.status.referral_id for each, _, _ in said],
        [word.clear for _, word, _ in said],
        [word.key for _, word, _ in said],
        [reason.clear for _, _, reason in said],
        [reason.key for _, _, reason in said],
        [each.status.at for each, _, _ in said],
        now,
    )
    return {(row["partner_id"], row["status_id"]) for row in rows}


async def mark_meanings(tx: Transaction, meanings: Sequence[Meant]) -> None:
    """Keep what each status meant, and its words."""
    if not meanings:
        return
    await tx.execute(
        """
        UPDATE partner_adapters.seen_statuses s
        SET meaning = m.meaning, sealed = m.sealed, words_sealed = m.words_sealed
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
            AS m (partner_id, status_id, meaning, sealed, words_sealed)
        WHERE s.partner_id = m.partner_id AND s.status_id = m.status_id
        """,
        [each.said.partner_id for each in meanings],
        [each.said.status.status_id for each in meanings],
        [each.meaning for each in meanings],
        [each.sealed for each in meanings],
        [each.words_sealed for each in meanings],
    )
