"""The words of a partner that wait to be mapped, opened, and those that people mapped."""

from dataclasses import dataclass
from datetime import datetime

from services.partner_adapters.action_store import insert_action
from services.partner_adapters.status_store import SpokenWords
from services.partner_adapters.status_words import StatusWords
from services.partner_adapters.word_store import WordKind, get_mapped_words, list_unknown_words
from shared.plumbing.clock import Clock
from shared.plumbing.database import Row, Transaction
from shared.plumbing.sealing import CannotOpen, Sealer

_MOST = 200
"""Words shown; the most frequent."""


@dataclass(frozen=True)
class UnknownWord:
    """`kind`: whether it is the status or the reason that has no meaning yet."""

    kind: WordKind
    word: str
    said_with: str | None
    """The status said with an unknown reason, or the reason said with an unknown status."""
    referrals: int
    first_at: datetime
    last_at: datetime


async def show_words(
    tx: Transaction,
    partner_id: str,
    *,
    file_words: StatusWords,
    account: str,
    sealer: Sealer,
    clock: Clock,
) -> list[UnknownWord]:
    """The most frequent first; who looked is kept, since anything may be written there."""
    rows = await list_unknown_words(tx, partner_id, limit=_MOST)
    if not rows:
        return []
    await insert_action(
        tx, partner_id=partner_id, action="looked_at_words", account=account, now=clock.now()
    )
    mapped = await get_mapped_words(tx, [partner_id])
    words = file_words.over(mapped[partner_id])
    return [word for row in rows if (word := _open(row, words=words, sealer=sealer)) is not None]


def _open(row: Row, *, words: StatusWords, sealer: Sealer) -> UnknownWord | None:
    spoken = SpokenWords(word=row["word"] or "", reason_word=row["reason_word"])
    if row["words_sealed"] is not None:
        try:
            spoken = sealer.open(row["words_sealed"], SpokenWords, bound_to=row["case_id"])
        except CannotOpen:
            return None  # its key is gone; the referral still shows that a person is needed
    is_status = spoken.word not in words.statuses
    word, said_with = spoken.word, spoken.reason_word
    if not is_status:
        word, said_with = spoken.reason_word or "", spoken.word
    return UnknownWord(
        kind="status" if is_status else "reason",
        word=word,
        said_with=said_with,
        referrals=row["referrals"],
        first_at=row["first_at"],
        last_at=row["last_at"],
    )
