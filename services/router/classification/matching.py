"""PURE: which catalogue names stand in a text, and where."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from itertools import pairwise
from typing import NamedTuple

from services.router.classification.compiled_catalogue import (
    EXACT,
    CompiledCatalogue,
    Entry,
    Key,
    Kind,
    KnownWord,
)
from services.router.classification.normalisation import (
    STOP,
    Word,
    forms_of,
    stem,
)
from services.router.classification.result import Span
from services.router.classification.spelling import MOST_CORRECTIONS, Speller

# The words of a name may be a few words apart, in any order ("perdu ma carte vitale").
_MOST_APART = 3
_COST_OF_A_GAP = 0.08
_COST_OF_DISORDER = 0.1
_LONGEST_SPELLED = 5
# A word said a hundred times says no more than said a few: keeps a long text cheap.
_MOST_TIMES = 4
_MOST_PLACES = 40
_SENTENCE = 4  # words and its sign
# A visitor's longest text has about 900; a Chinese sign is a word.
_MOST_WORDS = 1000
_DENYING = frozenset(stem(word) for word in ("pas", "plus", "sans", "rien", "non"))


class Match(NamedTuple):
    """A name found: `at` are indices into the words of the text."""

    entry: Entry
    kind: Kind
    weight: float
    at: frozenset[int]
    first: int  # the first of `at`
    last: int  # the last of `at`
    tight: bool  # its words follow one another, in order


class Reading(NamedTuple):
    """The text as words (shorthand opened, typos put right) and the names found in it."""

    forms: list[str]
    known: list[KnownWord]  # of each form
    places: list[Span]  # of each form, in the original
    content: list[int]  # which are not empty words
    matches: list[Match]

    @property
    def stems(self) -> list[str]:
        return [word.stem for word in self.known]

    @property
    def words(self) -> list[Word]:
        return [
            Word(form, start, end)
            for form, (start, end) in zip(self.forms, self.places, strict=True)
        ]


def read(text: str, *, catalogue: CompiledCatalogue) -> Reading:
    """The words of a text (its first thousand) and the names in them."""
    typed, places = _said_once(*forms_of(text))
    typed, places = _opened(typed[:_MOST_WORDS], places[:_MOST_WORDS], catalogue)
    forms = _put_right(typed, catalogue.speller)
    known = list(map(catalogue.known_word, forms))
    content = [index for index, word in enumerate(known) if not word.is_empty]
    matches = _without_covered(_matches(forms, known, content, catalogue))
    return Reading(forms, known, places, content, matches)


def _said_once(forms: list[str], places: list[Span]) -> tuple[list[str], list[Span]]:
    """A sentence said again says no more than said once; "oui." and "?" may be said again."""
    ends = [index + 1 for index, form in enumerate(forms) if form == STOP]
    if len(ends) < 2:
        return forms, places
    said: set[tuple[str, ...]] = set()
    kept: list[int] = []
    for start, end in pairwise([0, *ends, len(forms)]):
        sentence = tuple(forms[start:end])
        if len(sentence) < _SENTENCE or sentence not in said:
            kept += range(start, end)
        said.add(sentence)
    return [forms[index] for index in kept], [places[index] for index in kept]


def _opened(
    forms: list[str], places: list[Span], catalogue: CompiledCatalogue
) -> tuple[list[str], list[Span]]:
    """Shorthand in full, and acronyms said letter by letter (`c.a.f`, `r s a`) in one word."""
    if catalogue.shorthand.keys().isdisjoint(forms) and not _has_three_letters_in_a_row(forms):
        return forms, places
    opened: list[str] = []
    stand: list[Span] = []
    index = 0
    while index < len(forms):
        said, after = _spelled(forms, index, catalogue.acronyms)
        plain = catalogue.shorthand.get(said, (said,)) if after == index + 1 else (said,)
        opened += plain
        stand += [(places[index][0], places[after - 1][1])] * len(plain)
        index = after
    return opened, stand


def _has_three_letters_in_a_row(forms: list[str]) -> bool:
    single = [index for index, form in enumerate(forms) if len(form) == 1]
    return any(last - first == 2 for first, last in zip(single, single[2:], strict=False))


def _spelled(forms: list[str], index: int, acronyms: frozenset[str]) -> tuple[str, int]:
    """The acronym said letter by letter from here, or the one word; and what comes after it."""
    joined = ""
    for after, form in enumerate(forms[index : index + 9], index + 1):
        if form == STOP and joined:
            continue
        if len(form) != 1 or not form.isalnum() or len(joined) == _LONGEST_SPELLED:
            break
        joined += form
        if len(joined) >= 3 and joined in acronyms:
            return joined, after
    return forms[index], index + 1


def _put_right(forms: list[str], speller: Speller) -> list[str]:
    """The words with their typos put right; of a text with many, the first."""
    right = list(forms)
    unknown = [
        index for index, form in enumerate(forms) if form not in speller.known and len(form) >= 4
    ]
    for index in unknown[:MOST_CORRECTIONS]:
        right[index] = speller.better(forms[index]) or forms[index]
    return right


def _places(
    forms: list[str], known: list[KnownWord], content: list[int], catalogue: CompiledCatalogue
) -> dict[str, list[int]]:
    """Each stem, prefix and fixed phrase of the catalogue's names → its positions in `content`."""
    places: dict[str, list[int]] = defaultdict(list)
    for position, index in enumerate(content):
        for part in known[index].parts:
            places[part].append(position)
    for start, pair in enumerate(pairwise(forms)):
        # Names held together by empty words ("en arrêt").
        for phrase in catalogue.phrases_by_start.get(pair, ()):
            after = start + len(phrase)
            if forms[start:after] == phrase:
                places[EXACT + " ".join(phrase)] += range(
                    bisect_left(content, start), bisect_left(content, after)
                )
    return places


def _matches(
    forms: list[str], known: list[KnownWord], content: list[int], catalogue: CompiledCatalogue
) -> list[Match]:
    places = _places(forms, known, content, catalogue)
    said = frozenset(places)
    matches: list[Match] = []
    for anchor, positions in places.items():
        for key in catalogue.keys_by_anchor.get(anchor, ()):
            if len(key) == 1:
                pointers = catalogue.pointers[key]
                for position in positions[:_MOST_TIMES]:
                    first = content[position]
                    at = frozenset((first,))
                    matches += [
                        Match(p.entry, p.kind, p.weight, at, first, first, True) for p in pointers
                    ]
            elif said.issuperset(key):
                for hit in _hits(key, anchor, places, forms, content):
                    matches += _pointed(key, hit, content, catalogue)
    return matches


def _hits(
    key: Key, anchor: str, places: dict[str, list[int]], forms: list[str], content: list[int]
) -> list[tuple[int, ...]]:
    """Where in `content` the words of one name stand, each time that it is said."""
    hits: dict[frozenset[int], tuple[int, ...]] = {}
    for position in places[anchor][:_MOST_PLACES]:
        hit = _hit(key, anchor, position, places)
        if hit is not None and in_one_sentence(content[min(hit)], content[max(hit)], forms):
            hits.setdefault(frozenset(hit), hit)
    return list(hits.values())[:_MOST_TIMES]


def in_one_sentence(first: int, last: int, forms: list[str]) -> bool:
    """Whether no strong pause stands between two words of the text."""
    return STOP not in forms[first:last]


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


def _pointed(
    key: Key, hit: tuple[int, ...], content: list[int], catalogue: CompiledCatalogue
) -> list[Match]:
    at = frozenset([content[place] for place in hit])
    ordered = sorted(hit)
    gap = max(ordered[-1] - ordered[0] + 1 - len(key), 0)
    in_order = list(hit) == ordered
    tight = in_order and gap == 0
    factor = 1 - _COST_OF_A_GAP * gap - (0 if in_order else _COST_OF_DISORDER)
    first, last = content[ordered[0]], content[ordered[-1]]
    return [
        Match(pointer.entry, pointer.kind, pointer.weight * factor, at, first, last, tight)
        for pointer in catalogue.pointers[key]
    ]


def _without_covered(matches: list[Match]) -> list[Match]:
    """A name inside a longer name of another is not meant: `aide` in `aide au logement`."""
    longer: dict[int, list[Match]] = defaultdict(list)  # by the words they hold
    for match in matches:
        if match.kind in ("name", "brand") and len(match.at) > 1:
            for index in match.at:
                longer[index].append(match)
    if not longer:
        return matches
    return [
        match
        for match in matches
        if match.kind == "danger"
        or longer.keys().isdisjoint(match.at)
        or not any(
            _takes_from(other, match) for index in match.at for other in longer.get(index, ())
        )
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
