"""A partner's words → what they mean to us. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.referral_status import ReferralStatus, RefusalReason


@dataclass(frozen=True)
class StatusWords:
    """The tables of a partner's file, or those that people mapped beside it."""

    statuses: Mapping[str, ReferralStatus]
    refusal_reasons: Mapping[str, RefusalReason]

    def over(self, others: "StatusWords") -> "StatusWords":
        """Both tables together; where they differ, this one holds."""
        return StatusWords(
            statuses={**others.statuses, **self.statuses},
            refusal_reasons={**others.refusal_reasons, **self.refusal_reasons},
        )


@dataclass(frozen=True)
class Meaning:
    status: ReferralStatus
    refusal_reason: RefusalReason | None = None


def meaning_of(words: StatusWords, *, word: str, reason_word: str | None) -> Meaning | None:
    """What the partner means, or None: a word that is not in its table is never guessed.

    A refusal without a reason is `other`; a refusal whose reason is an unknown word is unknown,
    because `not_competent` and the others decide where the need goes next.
    """
    status = words.statuses.get(word)
    if status is None:
        return None
    if status is not ReferralStatus.REFUSED:
        return Meaning(status)
    if reason_word is None:
        return Meaning(status, RefusalReason.OTHER)
    reason = words.refusal_reasons.get(reason_word)
    return None if reason is None else Meaning(status, reason)
