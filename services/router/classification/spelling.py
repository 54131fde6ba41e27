"""PURE: a word as typed → the catalogue's word it stands for, by sound, then by distance."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

# A text of 5,000 characters must not cost more than a few milliseconds.
MOST_CORRECTIONS = 60
LONGEST_WORD = 24

_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"ph", "f"),
        (r"(.)\1+", r"\1"),
        (r"eau|au", "o"),
        (r"tion", "sion"),
        (r"ge(?=[ao])|g(?=[eiy])", "j"),
        (r"gu(?=[eiy])", "g"),
        (r"qu|q|ck", "k"),
        (r"c(?=[eiy])", "s"),
        (r"c(?!h)", "k"),
        (r"(?<!c)h", ""),
        (r"(ain|ein|in|im|yn)(?=[^aeiouy]|$)", "2"),
        (r"(en|em|an|am)(?=[^aeiouy]|$)", "1"),
        (r"(on|om)(?=[^aeiouy]|$)", "3"),
        (r"(er|ez|et|ees|ee|es|ai|ait|ais|ei)$", "e"),
        (r"ai|ei", "e"),
        (r"y", "i"),
        (r"z|(?<=[aeiou])s(?=[aeiou])", "z"),
        (r"x$|s$|t$|d$|p$", ""),
        (r"(?<=.)e$", ""),
    )
)


def sound_of(form: str) -> str:
    """How a French reader would say it, roughly: `karte` and `carte` are the same."""
    for pattern, sound in _SOUNDS:
        form = pattern.sub(sound, form)
    return form


def _most_wrong(length: int) -> int:
    """How many letters of a word of this length may be wrong."""
    return 1 if length < 8 else 2


class Speller:
    """Knows the catalogue's words; built once."""

    def __init__(self, vocabulary: Iterable[str], known: Iterable[str]) -> None:
        """`vocabulary`: what may be meant. `known`: ordinary words, never corrected."""
        words = {form for form in vocabulary if len(form) >= 3 and form.isascii()}
        self._words = frozenset(words)
        self.known = frozenset(known) | words
        """Words that stand for themselves."""
        self._by_sound: dict[str, list[str]] = defaultdict(list)
        spelled = [form for form in sorted(words) if not form.isdigit()]
        for form in spelled:
            self._by_sound[sound_of(form)].append(form)
        self._about_as_long = {
            size: [
                form
                for form in spelled
                if len(form) >= 4 and abs(len(form) - size) <= _most_wrong(size)
            ]
            for size in range(5, LONGEST_WORD + 1)
        }
        self.better: Callable[[str], str | None] = lru_cache(maxsize=16_384)(self._better)
        """What a word as typed stands for; None when it stands for itself."""

    def _better(self, form: str) -> str | None:
        if len(form) < 4 or form in self.known:
            return None
        return self.unglued(form) or self.correct(form)

    def unglued(self, form: str) -> str | None:
        """`apl` for `lapl`: the apostrophe left out, before a word of the catalogue."""
        rest = form[1:]
        glued = form[:1] in "ldjnmtsc" and rest[:1] in "aeiouyh" and len(rest) >= 3
        return rest if glued and rest in self._words and form not in self.known else None

    def correct(self, form: str) -> str | None:
        """As `_closest`; failing that, without a glued article (`didantite` → `identite`)."""
        found = self._closest(form)
        if found is None and len(form) >= 6 and form[0] in "ldjnmtsc" and form[1] in "aeiouyh":
            found = None if form in self.known else self._closest(form[1:])
        return found

    def _closest(self, form: str) -> str | None:
        """The catalogue's word, or None when nothing is close enough or the word is ordinary."""
        if (
            not 4 <= len(form) <= LONGEST_WORD
            or not form.isascii()
            or not form.isalpha()
            or form in self.known
        ):
            return None
        alike = self._by_sound.get(sound_of(form), [])
        furthest = 1 if len(form) <= 5 else len(form) // 3
        near = [word for word in alike if OSA.distance(word, form) <= furthest]
        if near:
            return min(near, key=lambda word: OSA.distance(word, form))
        if len(form) < 5:
            return None
        found = process.extractOne(
            form,
            self._about_as_long[len(form)],
            scorer=OSA.distance,
            score_cutoff=_most_wrong(len(form)),
            processor=None,
        )
        if found is None:
            return None
        word = str(found[0])
        # Two letters wrong and another first letter is another word.
        return word if word[0] == form[0] or found[1] <= 1 else None
