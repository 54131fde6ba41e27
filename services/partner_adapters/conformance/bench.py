"""What a check works with: the agency's system, what it says, and stories told once for all.

A story is one referral from its hand-over to its end. Several checks look at the same one, so
that an agency's people are asked for three files, not for thirty.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from services.partner_adapters.conformance.callback_door import CallbackDoor
from services.partner_adapters.conformance.hearing import Hearing
from services.partner_adapters.conformance.invented import (
    TO_QUESTION,
    TO_REFUSE,
    TO_RESOLVE,
    invented_answer,
    invented_referral,
    repeated,
)
from services.partner_adapters.conformance.verdict import Failed
from services.partner_adapters.partner_adapter import (
    Delivery,
    PartnerAdapter,
    PartnerStatus,
    Receipt,
)
from services.partner_adapters.partner_environment import ConnectedPartner
from services.partner_adapters.partner_file import PartnerFile
from services.partner_adapters.status_words import meaning_of
from shared.contracts.referral_status import ReferralStatus, is_final
from shared.plumbing.clock import Clock

OfKind = TypeVar("OfKind")

ANSWERING_AT_ONCE = ("rest", "soap", "webhook")
"""Kinds whose answer comes while we wait; elsewhere what is refused is said by a status."""
SETTLING = 0.1
"""Of the patience: how long nothing more is waited for once all seems said."""


@dataclass(kw_only=True)
class Bench:
    """One agency's system under examination."""

    partner: ConnectedPartner
    adapter: PartnerAdapter
    hearing: Hearing
    clock: Clock
    patience: float
    """Seconds given to the agency for each thing it is to say."""
    probe: object
    """What this kind's own checks use beneath the adapter."""
    door: CallbackDoor | None = None
    """Where the agency calls back, if it does."""
    stories: dict[str, asyncio.Task["Story"]] = field(default_factory=dict)

    @property
    def file(self) -> PartnerFile:
        return self.partner.file

    def probe_as(self, kind: type[OfKind]) -> OfKind:
        """Its probe, known to be of this kind."""
        if not isinstance(self.probe, kind):
            raise TypeError(f"{self.file.kind}: its probe is another")
        return self.probe

    def referral(self, **said: Any) -> Delivery:
        """An invented referral; see `invented_referral`."""
        return invented_referral(self.file, now=self.clock.now(), **said)

    async def hand_over(self, delivery: Delivery) -> Receipt:
        """Hand one thing over as the service does; a `PartnerFailure` goes through."""
        [receipt] = await self.adapter.deliver([delivery])
        return receipt

    async def has_taken(self, delivery: Delivery) -> Receipt:
        """Hand a referral over and be sure that it was taken: at once, or by its first status."""
        receipt = await self.hand_over(delivery)
        if self.file.kind not in ANSWERING_AT_ONCE:
            first = await self.first_status(delivery.referral_id)
            if self.meaning(first) is ReferralStatus.REFUSED:
                raise Failed(f"it was refused: {first.word} {first.reason_word or ''}".strip())
        return receipt

    async def first_status(self, referral_id: UUID) -> PartnerStatus:
        """The first thing said of a referral; raises `Failed` when nothing is."""
        await self.wait_until(lambda: bool(self.hearing.of(referral_id)))
        said = self.hearing.of(referral_id)
        if not said:
            raise Failed(f"no status of this referral in {self.patience:g} s{self._unreadable()}")
        return said[0]

    async def wait_until(self, happened: Callable[[], bool]) -> bool:
        """Wait, as long as patience lasts; False when it did not happen."""
        return await self.hearing.wait_until(happened, seconds=self.patience)

    async def settle(self) -> None:
        """Let what is still on its way arrive."""
        await asyncio.sleep(self.patience * SETTLING)

    def meaning(self, status: PartnerStatus) -> ReferralStatus | None:
        """What its word means; None when it is not in the table."""
        return self.file.statuses.get(status.word)

    def understood(self, status: PartnerStatus) -> bool:
        """Whether its word and its reason are in the tables."""
        words = self.file.status_words()
        return meaning_of(words, word=status.word, reason_word=status.reason_word) is not None

    async def story(self, to: str) -> "Story":
        """The story that begins with this word, told when it is first asked for."""
        if to not in self.stories:
            self.stories[to] = asyncio.ensure_future(_tell(self, to))
        return await asyncio.shield(self.stories[to])

    async def every_story(self) -> list["Story"]:
        """All three."""
        told = (self.story(to) for to in (TO_RESOLVE, TO_QUESTION, TO_REFUSE))
        return list(await asyncio.gather(*told))

    def stop(self) -> None:
        """Let go of stories that nobody waits for any more."""
        for story in self.stories.values():
            story.cancel()

    def _unreadable(self) -> str:
        unreadable = self.hearing.unreadable
        return f"; unreadable: {unreadable[-1][:200]}" if unreadable else ""


@dataclass(frozen=True, kw_only=True)
class Story:
    """One referral’s life; `asked` is the agency’s question, if it had one."""

    delivery: Delivery
    statuses: list[PartnerStatus]
    """Each once, in the order they came."""
    asked: PartnerStatus | None = None
    after_answer: tuple[PartnerStatus, ...] = ()
    """What was said after the visitor's answer, which was given twice, as after a cut."""


async def _tell(bench: Bench, to: str) -> Story:
    delivery = bench.referral(to=to)
    await bench.hand_over(delivery)
    return await (_with_question if to == TO_QUESTION else _to_its_end)(bench, delivery)


async def _to_its_end(bench: Bench, delivery: Delivery) -> Story:
    def ended() -> bool:
        return any(is_final(m) for m in _meanings(bench, delivery.referral_id))

    await bench.wait_until(ended)
    await bench.settle()
    return Story(delivery=delivery, statuses=bench.hearing.of(delivery.referral_id))


async def _with_question(bench: Bench, delivery: Delivery) -> Story:
    def asked() -> bool:
        return any(
            m is ReferralStatus.NEEDS_INFORMATION or is_final(m)
            for m in _meanings(bench, delivery.referral_id)
        )

    await bench.wait_until(asked)
    before = bench.hearing.of(delivery.referral_id)
    question = next(
        (each for each in before if bench.meaning(each) is ReferralStatus.NEEDS_INFORMATION), None
    )
    if question is None:
        return Story(delivery=delivery, statuses=before)
    answer = invented_answer(delivery.referral_id, now=bench.clock.now())
    await bench.hand_over(answer)
    await bench.hand_over(repeated(answer))
    whole = await _to_its_end(bench, delivery)
    return Story(
        delivery=delivery,
        statuses=whole.statuses,
        asked=question,
        after_answer=tuple(each for each in whole.statuses if each not in before),
    )


def _meanings(bench: Bench, referral_id: UUID) -> list[ReferralStatus]:
    found = (bench.meaning(status) for status in bench.hearing.of(referral_id))
    return [meaning for meaning in found if meaning is not None]
