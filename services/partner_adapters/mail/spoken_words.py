"""The words of a partner's table, as people write them on the first line of a mail. PURE."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.referral_status import ReferralStatus

FREE_REPLY = "reponse_libre"
"""The word of an answer whose first line is no word: in no table, so a person reads it."""
_ONE_WORD = re.compile(r"[\w-]{1,40}\.?")
"""Perhaps a word that the table lacks. `Bonjour,` is none."""


@dataclass(frozen=True)
class SpokenWord:
    """What a first line says, in the words of the table where it is one of them."""

    word: str
    reason_word: str | None = None
    known: bool = True


class SpokenWords:
    """Finds a table's words whatever their case, accents and punctuation: `Réglé.` is `regle`."""

    def __init__(
        self, *, statuses: Mapping[str, ReferralStatus], refusal_reasons: Mapping[str, object]
    ) -> None:
        self._statuses = {folded(word): word for word in statuses}
        self._refusals = {
            folded(word): word
            for word, status in statuses.items()
            if status is ReferralStatus.REFUSED
        }
        self._reasons = {folded(word): word for word in refusal_reasons}

    def read(self, line: str) -> SpokenWord:
        """The status word of a line, with the reason behind a refusal's; never a guess."""
        said = folded(line)
        if word := self._statuses.get(said):
            return SpokenWord(word)
        for refusal, word in self._refusals.items():
            start, reason = said[: len(refusal) + 1], said[len(refusal) + 1 :]
            if start == f"{refusal}_" and reason in self._reasons:
                return SpokenWord(word, self._reasons[reason])
        if said and _ONE_WORD.fullmatch(line):
            return SpokenWord(said, known=False)
        return SpokenWord(FREE_REPLY, known=False)


def folded(text: str) -> str:
    """Small letters and digits, without accents, everything else one `_`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
