"""A person says what a partner's unknown word means: from now on, and for all that had it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.partner_adapters.action_store import insert_action, insert_parts
from services.partner_adapters.decisions_by_hand import HeldStatus, repair_statuses
from services.partner_adapters.delivery_store import lock_referrals, mark_progress
from services.partner_adapters.partner_adapter import PartnerStatus
from services.partner_adapters.record_deliveries import outgoing
from services.partner_adapters.status_store import Said, SpokenWords, stored_words, word_key
from services.partner_adapters.status_words import StatusWords, meaning_of
from services.partner_adapters.word_store import (
    Repaired,
    WordKind,
    insert_mapped_word,
    list_referrals_with_word,
    list_unknown_statuses,
    lock_mapped_words,
    mark_repaired,
)
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, Row, Transaction
from shared.plumbing.outbox import Outbox
from shared.plumbing.problem_details import Problem
from shared.plumbing.sealing import Sealer

log = structlog.get_logger()

_BATCH = 200
"""Referrals repaired in one transaction."""


@dataclass(frozen=True)
class MappedWord:
    """`meaning`: a referral status, or a refusal reason if `kind` is `reason`."""

    partner_id: str
    kind: WordKind
    word: str
    meaning: str


async def map_partner_word(
    database: Database,
    mapped: MappedWord,
    *,
    file_words: StatusWords,
    account: str,
    sealer: Sealer,
    outbox: Outbox,
    clock: Clock,
) -> int:
    """Map it and repair, in batches; returns how many referrals were repaired.

    Doing it again repairs what an interruption left. Raises `Problem` 409 when the word has
    another meaning already, from the partner's file or from a person: what followed from that
    was told to people and cannot be taken back.
    """
    if _in_file(file_words, mapped):
        raise _known_already()
    async with database.transaction() as tx:
        action_id = await _keep(tx, mapped, account=account, clock=clock)
    repaired, after = 0, None
    while True:
        async with database.transaction() as tx:
            referral_ids = await list_referrals_with_word(
                tx,
                mapped.partner_id,
                kind=mapped.kind,
                word=mapped.word,
                key=word_key(mapped.partner_id, mapped.word, sealer=sealer),
                after=after,
                limit=_BATCH,
            )
            if not referral_ids:
                break
            words = (await lock_mapped_words(tx, [mapped.partner_id]))[mapped.partner_id]
            changed = await _repair(
                tx,
                referral_ids,
                words=file_words.over(words),
                sealer=sealer,
                outbox=outbox,
                clock=clock,
            )
            await insert_parts(tx, action_id, changed, now=clock.now())
        repaired += len(changed)
        after = referral_ids[-1]
    log.info("partner_word_mapped", partner_id=mapped.partner_id, kind=mapped.kind, count=repaired)
    return repaired


async def _keep(tx: Transaction, mapped: MappedWord, *, account: str, clock: Clock) -> int:
    now = clock.now()
    earlier = await insert_mapped_word(
        tx,
        partner_id=mapped.partner_id,
        kind=mapped.kind,
        word=mapped.word,
        meaning=mapped.meaning,
        account=account,
        now=now,
    )
    if earlier is not None and earlier != mapped.meaning:
        raise _known_already()
    return await insert_action(
        tx,
        partner_id=mapped.partner_id,
        action="mapped",
        account=account,
        now=now,
        details={"kind": mapped.kind, "word": mapped.word, "meaning": mapped.meaning},
    )


async def _repair(
    tx: Transaction,
    referral_ids: list[UUID],
    *,
    words: StatusWords,
    sealer: Sealer,
    outbox: Outbox,
    clock: Clock,
) -> list[UUID]:
    """Apply again what these referrals' partner said and nobody understood; who was changed."""
    referrals = await lock_referrals(tx, referral_ids)
    said_of: Mapping[UUID, list[Row]] = defaultdict(list)
    for row in await list_unknown_statuses(tx, referral_ids):
        said_of[row["referral_id"]].append(row)
    events, marks, changed = [], [], []
    for referral_id, rows in said_of.items():
        referral = referrals[referral_id]
        spoken = [_said(row, case_id=referral.case_id, sealer=sealer) for row in rows]
        held = [
            HeldStatus(
                at=row["said_at"],
                sealed=row["sealed"],
                meaning=meaning_of(
                    words, word=said.status.word, reason_word=said.status.reason_word
                ),
            )
            for row, said in zip(rows, spoken, strict=True)
        ]
        meanings, told = repair_statuses(referral, held, now=clock.now())
        events += outgoing(referral, told)
        understood = [
            Repaired(said, meaning, *stored_words(said, words, sealer=sealer))
            for said, meaning in zip(spoken, meanings, strict=True)
            if meaning != "unknown_word"
        ]
        marks += understood
        if understood:
            changed.append(referral_id)
    await mark_repaired(tx, marks)
    await mark_progress(tx, referrals.values())
    await outbox.append(tx, events)
    return changed


def _said(row: Row, *, case_id: UUID, sealer: Sealer) -> Said:
    """The status as it came; the version before this one stored its words in clear."""
    words = SpokenWords(word=row["word"] or "", reason_word=row["reason_word"])
    if row["words_sealed"] is not None:
        words = sealer.open(row["words_sealed"], SpokenWords, bound_to=case_id)
    status = PartnerStatus(
        status_id=row["status_id"],
        referral_id=row["referral_id"],
        word=words.word,
        at=row["said_at"],
        reason_word=words.reason_word,
    )
    return Said(partner_id=row["partner_id"], status=status)


def _in_file(words: StatusWords, mapped: MappedWord) -> bool:
    table = words.statuses if mapped.kind == "status" else words.refusal_reasons
    return mapped.word in table


def _known_already() -> Problem:
    return Problem(
        409,
        "Ce mot a déjà un sens.",
        code="word-already-mapped",
        detail="Le fichier du partenaire ou une personne l’a traduit ; cela ne se change pas ici.",
    )
