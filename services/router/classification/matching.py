"""PURE: which catalogue names stand in a text, and where."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from services.router.classification.compiled_catalogue import (
    EXACT,
    EXACT_MOST,
    CompiledCatalogue,
    Entry,
    Key,
    Kind,
)
from services.router.classification.normalisation import (
    COMMA,
    STOP,
    STOPWORDS,
    Word,
    stem,
    words_of,
)
from services.router.classification.spelling import MOST_CORRECTIONS

# The words of a name may be a few words apart, in any order ("perdu ma carte vitale").
_MOST_APART = 3
_COST_OF_A_GAP = 0.08
_COST_OF_DISORDER = 0.1
_LONGEST_SPELLED = 5
# A word said a hundred times says no more than said a few: keeps a long text cheap.
_MOST_TIMES = 4
_MOST_PLACES = 40
# A visitor's longest text has about 900; a Chinese sign is a word.
_MOST_WORDS = 1000
_PAUSES = frozenset((COMMA, STOP))
_EMPTY = STOPWORDS | _PAUSES
_DENYING = frozenset(stem(word) for word in ("pas", "plus", "sans", "rien", "non"))


class Match(NamedTuple):
    """A name found: `at` are indices into the words of the text."""

    entry: Entry
    kind: Kind
    weight: float
    at: frozenset[int]
    first: int  # the first of `at`
    tight: bool  # its words follow one another, in order


@dataclass(frozen=True, slots=True)
class Reading:
    """The text as words (shorthand opened, typos put right) and the names found in it."""

    words: list[Word]
    matches: list[Match]
    content: list[tuple[int, str]]  # (index into words, stem) without the empty words


def read(text: str, *, catalogue: CompiledCatalogue) -> Reading:
    """The words of a text (its first thousand) and the names in them."""
    words = list(_put_right(_opened(words_of(text)[:_MOST_WORDS], catalogue), catalogue))
    content = [
        (index, stem(word.form)) for index, word in enumerate(words) if word.form not in _EMPTY
    ]
    places = _places(words, content, catalogue)
    found = _matches(places, content, _sentence_numbers(words), catalogue)
    return Reading(words, _without_covered(found), content)


def _opened(words: list[Word], catalogue: CompiledCatalogue) -> list[Word]:
    """Shorthand in full, and acronyms said letter by letter (`c.a.f`, `r s a`) in one word."""
    opened: list[Word] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if len(word.form) == 1 and word.form not in _PAUSES:
            spelled = _spelled(words, index - 1, catalogue)
            if spelled is not None:
                joined, index = spelled
                opened.append(joined)
                continue
        plain = catalogue.shorthand.get(word.form)
        if plain is None:
            opened.append(word)
        else:
            opened += [Word(form, word.start, word.end) for form in plain]
    return opened


def _spelled(
    words: list[Word], index: int, catalogue: CompiledCatalogue
) -> tuple[Word, int] | None:
    letters: list[Word] = []
    after = index
    while after < len(words) and len(letters) < _LONGEST_SPELLED and after < index + 9:
        word = words[after]
        if word.form == "." and letters:
            after += 1
            continue
        if len(word.form) != 1 or not word.form.isalnum():
            break
        letters.append(word)
        after += 1
        joined = "".join(letter.form for letter in letters)
        if len(joined) >= 3 and joined in catalogue.acronyms:
            return Word(joined, letters[0].start, letters[-1].end), after
    return None


def _put_right(words: list[Word], catalogue: CompiledCatalogue) -> Iterator[Word]:
    left = MOST_CORRECTIONS
    for word in words:
        if left and len(word.form) >= 4 and not catalogue.speller.knows(word.form):
            left -= 1
            better = catalogue.speller.better(word.form)
            if better is not None:
                yield Word(better, word.start, word.end)
                continue
        yield word


def _sentence_numbers(words: list[Word]) -> list[int]:
    return list(accumulate(word.form == STOP for word in words))


def _places(
    words: list[Word], content: list[tuple[int, str]], catalogue: CompiledCatalogue
) -> dict[str, list[int]]:
    """Each stem, prefix and fixed phrase the catalogue knows → its positions in `content`."""
    places: dict[str, list[int]] = defaultdict(list)
    forms = [word.form for word in words]
    for position, (index, part) in enumerate(content):
        places[part].append(position)
        for prefix in catalogue.prefixes_of(forms[index]):
            places[prefix].append(position)
    for start, phrase, length in _phrases(forms, catalogue):
        after = bisect_left(content, (start + length,))
        places[phrase] += range(bisect_left(content, (start,)), after)
    return places


def _phrases(forms: list[str], catalogue: CompiledCatalogue) -> Iterator[tuple[int, str, int]]:
    """Names held together by empty words ("en arrêt"): where, which, and of how many words."""
    for start, pair in enumerate(pairwise(forms)):
        if pair in catalogue.exact_starts:
            for length in range(2, min(EXACT_MOST, len(forms) - start) + 1):
                phrase = EXACT + " ".join(forms[start : start + length])
                if phrase in catalogue.keys_by_anchor:
                    yield start, phrase, length


def _matches(
    places: dict[str, list[int]],
    content: list[tuple[int, str]],
    sentences: list[int],
    catalogue: CompiledCatalogue,
) -> list[Match]:
    found: set[tuple[Key, frozenset[int]]] = set()
    times: Counter[Key] = Counter()
    matches: list[Match] = []
    said = frozenset(places)
    for part, positions in places.items():
        for key in catalogue.keys_by_anchor.get(part, ()):
            if len(key) > 1 and not said.issuperset(key):
                continue
            for position in positions[:_MOST_PLACES]:
                hit = (position,) if len(key) == 1 else _hit(key, part, position, places)
                if hit is None or not _one_sentence(hit, content, sentences):
                    continue
                at = frozenset(content[place][0] for place in hit)
                if (key, at) in found or times[key] >= _MOST_TIMES:
                    continue
                found.add((key, at))
                times[key] += 1
                matches.extend(_pointed(key, hit, at, catalogue))
    return matches


def _hit(
    key: Key, anchor: str, position: int, places: dict[str, list[int]]
) -> tuple[int, ...] | None:
    """Where each word of the name stands, closest to its anchor; None when one is missing."""
    hit: list[int] = []
    reach = len(key) - 1 + _MOST_APART
    for part in key:
        if part == anchor:
            hit.append(position)
            continue
        here = places.get(part, [])
        window = here[bisect_left(here, position - reach) : bisect_right(here, position + reach)]
        near = [place for place in window if place not in hit]
        if not near:
            return None
        hit.append(min(near, key=lambda place: abs(place - position)))
    # "pas de mutuelle" is not "ma mutuelle ne m'a pas…".
    if hit != sorted(hit) and not _DENYING.isdisjoint(key):
        return None
    return tuple(hit)


def _one_sentence(
    hit: tuple[int, ...], content: list[tuple[int, str]], sentences: list[int]
) -> bool:
    return len(hit) == 1 or len({sentences[content[place][0]] for place in hit}) == 1


def _pointed(
    key: Key, hit: tuple[int, ...], at: frozenset[int], catalogue: CompiledCatalogue
) -> Iterator[Match]:
    gap = max(hit) - min(hit) + 1 - len(key)
    in_order = list(hit) == sorted(hit)
    tight = in_order and gap <= 0
    factor = 1 - _COST_OF_A_GAP * max(gap, 0) - (0 if in_order else _COST_OF_DISORDER)
    first = min(at)
    for pointer in catalogue.pointers[key]:
        yield Match(pointer.entry, pointer.kind, pointer.weight * factor, at, first, tight)


def _without_covered(matches: list[Match]) -> list[Match]:
    """A name inside a longer name of another is not meant: `aide` in `aide au logement`."""
    longer: dict[int, list[Match]] = defaultdict(list)  # by the words they hold
    for match in matches:
        if match.kind in ("name", "brand") and len(match.at) > 1:
            for index in match.at:
                longer[index].append(match)
    return [
        match
        for match in matches
        if match.kind == "danger"
        or not any(_takes_from(other, match) for index in match.at for other in longer[index])
    ]


def _takes_from(other: Match, match: Match) -> bool:
    """`other`, a longer name of another partner, says these words better than `match`."""
    if other.entry.partner == match.entry.partner:
        return False
    if match.at < other.at:
        named = match.kind != "name" or other.kind == "name" or other.entry.is_body
        return named and match.weight <= other.weight
    # A name in one piece keeps its words from a hint or from a name scattered over the sentence.
    scattered = match.kind == "hint" or (match.kind == "name" and not match.tight)
    return scattered and other.tight and other.kind == "name"
