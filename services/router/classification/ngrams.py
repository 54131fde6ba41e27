"""PURE: words → hashed n-grams: the words, the letters within them, and their neighbours.

Hashing needs no vocabulary: a word never seen still shares letters with those that were.
"""

from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from services.router.classification.normalisation import PAUSES, stem

Codes = NDArray[np.uint64]
"""One number for each word, in their order."""
Places = NDArray[np.int64]

SIZE = 1 << 18
"""How many n-grams are told apart; two in one place are rare enough not to matter."""
AND = "\x1f"
"""Between what an n-gram is made of: its kind, then its words; no text has it as a letter."""
_LETTERS = (3, 4, 5)
_LONGEST_WORD = 30
_BETWEEN_CLAUSES = PAUSES | {"et", "mais", "aussi", "puis", "ensuite", "sinon"}
_LEAST_WORDS = 3
_MOST_CLAUSES = 12
_MIXER = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits well spread: 2^64 over the golden ratio
_HALF = np.uint64(32)


def code_of(said: str) -> int:
    """What stands for a text in n-grams: CRC-32 is quick, and the same on every machine."""
    return crc32(said.encode("utf-8", "replace"))


def place_of(ngram: str) -> int:
    """Where an n-gram's weight stands."""
    return code_of(ngram) & (SIZE - 1)


@lru_cache(maxsize=16_384)
def ngrams_within(form: str) -> list[int]:
    """The n-grams of one folded word: its stem, and its letters with the word's ends marked."""
    if form in PAUSES:
        return [place_of(f"w{AND}{form}")]
    framed = f"<{form[:_LONGEST_WORD]}>"
    letters = (
        framed[start : start + length]
        for length in _LETTERS
        for start in range(len(framed) - length + 1)
    )
    return [place_of(f"w{AND}{stem(form)}"), *(place_of(f"c{AND}{part}") for part in letters)]


def places_together(kind: str, *codes: Codes) -> Places:
    """The places of n-grams of several words: the nth is of the nth of each of `codes`."""
    mixed = np.full(len(codes[0]), code_of(kind), dtype=np.uint64)
    for words in codes:
        mixed = (mixed ^ words) * _MIXER
        mixed ^= mixed >> _HALF
    return (mixed & np.uint64(SIZE - 1)).astype(np.int64)


def pairs_beside(codes: Codes) -> Places:
    """The n-grams of words side by side; the nth is of the nth word and the next."""
    return places_together("beside", codes[:-1], codes[1:])


def pairs_telling(codes: Codes, telling: NDArray[np.bool_]) -> Places:
    """The n-grams of telling words side by side, once the empty ones are left out."""
    told = codes[telling]
    return places_together("telling", told[:-1], told[1:])


def clauses_of(forms: Sequence[str]) -> list[tuple[int, int]]:
    """Where the parts begin and end that may each say a need; the whole when there is but one."""
    ends = [i for i, form in enumerate(forms) if form in _BETWEEN_CLAUSES] + [len(forms)]
    starts = [0, *(end + 1 for end in ends[:-1])]
    parts = [(a, b) for a, b in zip(starts, ends, strict=True) if b - a >= _LEAST_WORDS]
    return parts[:_MOST_CLAUSES] if len(parts) > 1 else [(0, len(forms))]
