"""PURE: words → hashed n-grams: the words, the letters within them, and their neighbours.

Hashing needs no vocabulary: a word never seen still shares letters with those that were.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from zlib import crc32

from services.router.classification.normalisation import COMMA, STOP, STOPWORDS, stem

SIZE = 1 << 18
"""How many n-grams are told apart; two in one place are rare enough not to matter."""
AND = "\x1f"
"""Between what an n-gram is made of: its kind, then its words; no text has it as a letter."""
_END = "\x1e"
_LETTERS = (3, 4, 5)
_LONGEST_WORD = 30
_PAUSES = frozenset((COMMA, STOP))
_EMPTY = STOPWORDS | _PAUSES
_BETWEEN_CLAUSES = _PAUSES | {"et", "mais", "aussi", "puis", "ensuite", "sinon"}
_LEAST_WORDS = 3
_MOST_CLAUSES = 12


@lru_cache(maxsize=16_384)
def ngrams_within(form: str) -> list[int]:
    """The n-grams of one folded word: its stem, and its letters with the word's ends marked."""
    if form in _PAUSES:
        return places_of([f"w{AND}{form}"])
    framed = f"<{form[:_LONGEST_WORD]}>"
    letters = (
        framed[start : start + length]
        for length in _LETTERS
        for start in range(len(framed) - length + 1)
    )
    return places_of([f"w{AND}{stem(form)}", *(f"c{AND}{part}" for part in letters)])


def pairs_beside(forms: Sequence[str]) -> list[int]:
    """The n-grams of words side by side; the nth is of the nth word and the next."""
    pairs = pairwise(map(stem, forms))
    return places_of(f"b{AND}{one}{AND}{other}" for one, other in pairs)


def pairs_telling(forms: Sequence[str]) -> list[int]:
    """The n-grams of telling words side by side, once the empty ones are left out."""
    pairs = pairwise(stem(form) for form in forms if form not in _EMPTY)
    return places_of(f"s{AND}{one}{AND}{other}" for one, other in pairs)


def is_telling(form: str) -> bool:
    """Neither an empty word nor a pause."""
    return form not in _EMPTY


def clauses_of(forms: Sequence[str]) -> list[tuple[int, int]]:
    """Where the parts begin and end that may each say a need; the whole when there is but one."""
    ends = [i for i, form in enumerate(forms) if form in _BETWEEN_CLAUSES] + [len(forms)]
    starts = [0, *(end + 1 for end in ends[:-1])]
    parts = [(a, b) for a, b in zip(starts, ends, strict=True) if b - a >= _LEAST_WORDS]
    return parts[:_MOST_CLAUSES] if len(parts) > 1 else [(0, len(forms))]


def places_of(ngrams: Iterable[str]) -> list[int]:
    """The place of each n-gram: CRC-32 is quick, and the same on every machine and version."""
    encoded = _END.join(ngrams).encode("utf-8", "replace")
    if not encoded:
        return []
    return [crc & (SIZE - 1) for crc in map(crc32, encoded.split(_END.encode()))]
