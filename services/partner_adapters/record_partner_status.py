"""Record what partners say of referrals, however it came: by callback, poll, topic or portal."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

import structlog

from services.partner_adapters.delivery_store import lock_referrals, mark_progress
from services.partner_adapters.record_deliveries import outgoing
from services.partner_adapters.referral_progress import (
    ReferralProgress,
    move_to,
    prove_delivered,
    tell_message,
)
from services.partner_adapters.status_store import (
    Meant,
    Said,
    SpokenWords,
    insert_unseen_statuses,
    mark_meanings,
    stored_words,
)
from services.partner_adapters.status_words import StatusWords, meaning_of
from services.partner_adapters.word_store import lock_mapped_words
from shared.contracts.events import ReferralUpdate
from shared.contracts.personal import WrittenContent
from shared.plumbing.clock import Clock
from shared.plumbing.database import Transaction
from shared.plumbing.outbox import Outbox, OutgoingEvent
from shared.plumbing.sealing import Sealer

log = structlog.get_logger()

Recorded = Literal["moved", "message", "kept", "unknown_word", "foreign", "repeated"]
"""What a status did. `kept`: late or the same again; `foreign`: no referral of that partner."""

RecordStatuses = Callable[[Transaction, Sequence[Said]], Awaitable[Sequence[Recorded]]]
"""`record_partner_status` with everything but what is to be recorded."""


async def record_partner_status(
    tx: Transaction,
    said: Sequence[Said],
    *,
    words: Mapping[str, StatusWords],
    sealer: Sealer,
    outbox: Outbox,
    clock: Clock,
) -> list[Recorded]:
    """Apply each status, in the order given; one answer each.

    A status proves that the referral was delivered. What would move it backwards is kept and
    moves nothing. A word that is neither in `words`, the table of the partner's file, nor mapped
    by a person is passed on for a person; where both know a word, the file holds.
    """
    now = clock.now()
    words = await _with_mapped_words(tx, said, words)
    unseen = await insert_unseen_statuses(
        tx,
        [(each, *stored_words(each, words[each.partner_id], sealer=sealer)) for each in said],
        now=now,
    )
    referrals = await lock_referrals(tx, [each.status.referral_id for each in said])
    answers: list[Recorded] = []
    meanings: list[Meant] = []
    events: list[OutgoingEvent] = []
    for each in said:
        referral = referrals.get(each.status.referral_id)
        foreign = referral is None or referral.partner_id != each.partner_id
        if (each.partner_id, each.status.status_id) not in unseen:
            answers.append("foreign" if foreign else "repeated")
            continue
        # Within one batch too, the second of the same id is a repetition.
        unseen.discard((each.partner_id, each.status.status_id))
        if referral is None or referral.partner_id != each.partner_id:
            log.warning("foreign_status_kept", partner_id=each.partner_id)
            answers.append("foreign")
            meanings.append(Meant(each, "foreign"))
            continue
        sealed = _sealed_words(each, referral, sealer=sealer)
        recorded, moved = _apply(
            referral, each, words=words[each.partner_id], sealed=sealed, clock=clock
        )
        events += outgoing(referral, moved)
        answers.append(recorded)
        unread = recorded == "unknown_word"
        words_sealed = _sealed_unread(each, referral, sealer=sealer) if unread else None
        meanings.append(Meant(each, recorded, sealed, words_sealed))
    await mark_meanings(tx, meanings)
    await mark_progress(tx, referrals.values())
    await outbox.append(tx, events)
    return answers


async def _with_mapped_words(
    tx: Transaction, said: Sequence[Said], words: Mapping[str, StatusWords]
) -> Mapping[str, StatusWords]:
    """The files' tables, and what people mapped where those do not do."""
    wanting = {
        each.partner_id
        for each in said
        if not meaning_of(
            words[each.partner_id], word=each.status.word, reason_word=each.status.reason_word
        )
    }
    if not wanting:
        return words
    mapped = await lock_mapped_words(tx, sorted(wanting))
    return {**words, **{each: words[each].over(mapped[each]) for each in wanting}}


def _apply(
    referral: ReferralProgress,
    said: Said,
    *,
    words: StatusWords,
    sealed: str,
    clock: Clock,
) -> tuple[Recorded, list[ReferralUpdate]]:
    status, now = said.status, clock.now()
    events = prove_delivered(referral, reference=status.partner_reference, now=now)
    meaning = meaning_of(words, word=status.word, reason_word=status.reason_word)
    if meaning is None:
        log.warning(
            "unknown_status_word_received",
            case_id=str(referral.case_id),
            referral_id=str(referral.referral_id),
            partner_id=said.partner_id,
        )
        told = tell_message(referral, sealed=sealed, at=status.at, now=now, needs_person=True)
        return "unknown_word", events + told
    moved = move_to(
        referral,
        meaning.status,
        at=status.at,
        now=now,
        refusal_reason=meaning.refusal_reason,
        sealed=sealed,
    )
    if moved:
        return "moved", events + moved
    if status.message:
        # It moves nothing, but it was written to be read: a second question, for example.
        told = tell_message(referral, sealed=sealed, at=status.at, now=now, needs_person=False)
        return "message", events + told
    return "kept", events


def _sealed_words(said: Said, referral: ReferralProgress, *, sealer: Sealer) -> str:
    status = said.status
    spoken = status.word if status.reason_word is None else f"{status.word} / {status.reason_word}"
    content = WrittenContent(text=status.message or "", partner_word=spoken)
    return sealer.seal(content, bound_to=referral.case_id)


def _sealed_unread(said: Said, referral: ReferralProgress, *, sealer: Sealer) -> str:
    """The words one by one, for whoever maps them."""
    spoken = SpokenWords(word=said.status.word, reason_word=said.status.reason_word)
    return sealer.seal(spoken, bound_to=referral.case_id)
