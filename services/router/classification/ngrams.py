"""PURE: words → hashed n-grams: words, their neighbours, and the letters within them.

Hashing needs no vocabulary: a word never seen still shares letters with those that were.
"""

import zlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from services.router.classification.normalisation import COMMA, STOP, STOPWORDS, stem

SIZE = 1 << 17
"""How many n-grams are told apart; two in one place are rare enough not to matter."""
_LETTERS = (3, 4, 5)
_LONGEST_WORD = 30
_BETWEEN_CLAUSES = frozenset((COMMA, STOP, "et", "mais", "aussi", "puis", "ensuite", "sinon"))
_LEAST_WORDS = 3
_MOST_CLAUSES = 12

Ids = NDArray[np.int64]
Counts = NDArray[np.float32]


def ngrams_of(forms: Sequence[str]) -> tuple[Ids, Counts]:
    """The distinct n-grams of a text's folded words, and 1 + ln of how often each is there."""
    ids: list[int] = []
    for form in set(forms):
        ids.extend(within_word(form))
    stems = [stem(form) for form in forms]
    ids += [_id("w", part) for part in stems]
    ids += [_id("b", *pair) for pair in pairwise(stems)]
    told = [
        part
        for part, form in zip(stems, forms, strict=True)
        if form not in STOPWORDS and form not in (COMMA, STOP)
    ]
    ids += [_id("s", *pair) for pair in pairwise(told)]
    if not ids:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    distinct, counts = np.unique(np.array(ids, dtype=np.int64), return_counts=True)
    return distinct, (1 + np.log(counts)).astype(np.float32)


def clauses_of(forms: Sequence[str]) -> list[Sequence[str]]:
    """The parts of a text that may each say a need of their own; the whole when it has but one."""
    clauses: list[list[str]] = [[]]
    for form in forms:
        if form in _BETWEEN_CLAUSES:
            clauses.append([])
        else:
            clauses[-1].append(form)
    long_enough = [clause for clause in clauses if len(clause) >= _LEAST_WORDS]
    return [*long_enough[:_MOST_CLAUSES]] if len(long_enough) > 1 else [forms]


@lru_cache(maxsize=16_384)
def within_word(form: str) -> tuple[int, ...]:
    """The n-grams of the letters of one word, its ends marked."""
    if form in (COMMA, STOP):
        return ()
    framed = f"<{form[:_LONGEST_WORD]}>"
    return tuple(
        _id("c", framed[start : start + length])
        for length in _LETTERS
        for start in range(len(framed) - length + 1)
    )


def _id(*parts: str) -> int:
    # CRC-32 is quick, and the same on every machine and version.
    return zlib.crc32("\x1f".join(parts).encode("utf-8", "replace")) & (SIZE - 1)
