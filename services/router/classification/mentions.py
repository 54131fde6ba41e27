"""PURE: how texts speak of each agency whose words they say: is it the one meant?

"I work at the SNCF", "the CAF asks me for an act of birth", "neither EDF nor Engie" are said of
any agency in the same way. So the words around an agency's own are read without its name (`#` it,
`@` another), and what they weigh is learned once for all agencies.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from services.router.classification.matching import Match, Reading
from services.router.classification.ngrams import Codes, Places, code_of, places_together
from services.router.classification.trained_model import COLUMN

_SPEAKING = frozenset(("name", "brand", "job", "topic"))
_AROUND = 4  # words
_MOST_AGENCIES = 4
_OWN, _OTHER, _BEGINNING, _END = map(code_of, "#@<>")
_BEFORE, _AFTER = [_BEGINNING] * _AROUND, [_END] * _AROUND


class Mentions(NamedTuple):
    """The agencies spoken of in some texts: `m` of them, and `p` n-grams said of them."""

    of: Places
    """[m, 2]: the text and the label's column"""
    places: Places
    """[p]"""
    which: Places
    """[p]: the mention that each n-gram is said of"""


class _Said(NamedTuple):
    """The words of each mention's text, one mention after another, framed on both sides."""

    words: Codes
    begins: Places
    """[m + 1]"""
    agencies: Codes
    """[m]: how many the text speaks of"""
    name_of: Places
    """[n]: the mention of each of an agency's names"""
    kinds: Codes
    """[n]"""
    firsts: Places
    """[n]: where each name begins in `words`"""
    afters: Places
    """[n]: the word after each name"""


def mentions_of(readings: Sequence[Reading]) -> Mentions:
    """Every agency of the model that these texts speak of, and how."""
    spoken = [
        (text, reading, spoken)
        for text, reading in enumerate(readings)
        if (spoken := _spoken_of(reading))
    ]
    if not spoken:
        none = np.zeros(0, dtype=np.int64)
        return Mentions(none.reshape(0, 2), none, none)
    found = list(_ngrams(_said(spoken)))
    return Mentions(
        of=np.array([(text, COLUMN[agency]) for text, _, said in spoken for agency in said]),
        places=np.concatenate([places for places, _ in found]),
        which=np.concatenate([which for _, which in found]),
    )


def _said(spoken: Sequence[tuple[int, Reading, Mapping[str, Sequence[Match]]]]) -> _Said:
    """`spoken`: each text with its agencies, and each agency's names in it."""
    words: list[int] = []
    begins = [0]
    agencies: list[int] = []
    names: list[tuple[int, int, int, int]] = []
    for _, reading, of_agencies in spoken:
        hidden = _hidden(reading, of_agencies)
        for matches in of_agencies.values():
            first = len(words) + _AROUND
            own = dict.fromkeys((match.kind, match.first, match.last) for match in matches)
            names += [
                (len(agencies), code_of(kind), first + start, first + last + 1)
                for kind, start, last in own
            ]
            agencies.append(min(len(of_agencies), _MOST_AGENCIES))
            words += hidden
            for index in _at(matches):
                words[first + index] = _OWN
            begins.append(len(words))
    name_of, kinds, firsts, afters = np.array(names).T
    return _Said(
        words=np.array(words, dtype=np.uint64),
        begins=np.array(begins),
        agencies=np.array(agencies, dtype=np.uint64),
        name_of=name_of,
        kinds=kinds.astype(np.uint64),
        firsts=firsts,
        afters=afters,
    )


def _spoken_of(reading: Reading) -> dict[str, list[Match]]:
    spoken: dict[str, list[Match]] = {}
    for match in reading.matches:
        if match.kind in _SPEAKING and match.entry.partner in COLUMN:
            spoken.setdefault(match.entry.partner, []).append(match)
    return spoken


def _hidden(reading: Reading, spoken: Mapping[str, Sequence[Match]]) -> list[int]:
    """The text's words, every agency's hidden, with room on both sides to look around."""
    codes = [word.code for word in reading.known]
    for index in _at(chain.from_iterable(spoken.values())):
        codes[index] = _OTHER
    return [*_BEFORE, *codes, *_AFTER]


def _at(matches: Iterable[Match]) -> Iterator[int]:
    return (index for match in matches for index in match.at)


def _ngrams(said: _Said) -> Iterator[tuple[Places, Places]]:
    """The n-grams, and which mention each is said of."""
    mentions = np.arange(len(said.agencies))
    yield places_together("agencies", said.agencies), mentions
    which = np.repeat(mentions, np.diff(said.begins))
    inside = (said.words != _BEGINNING) & (said.words != _END)
    yield places_together("word", said.words[inside]), which[inside]
    pair = np.flatnonzero(inside[:-1] & inside[1:])
    yield places_together("pair", said.words[pair], said.words[pair + 1]), which[pair]
    for places in _around_names(said):
        yield places, said.name_of


def _around_names(said: _Said) -> Iterator[Places]:
    """What is said before and after each name; [n] each."""
    before = [said.words[said.firsts - 1 - away] for away in range(_AROUND)]
    after = [said.words[said.afters + away] for away in range(_AROUND)]
    yield places_together("kind", said.kinds)
    for side, words in (("before", before), ("after", after)):
        for word in words:
            yield places_together(side, said.kinds, word)
        for length in range(1, _AROUND):
            yield places_together(f"{side} {length}", said.kinds, *words[:length])
    yield places_together("between", said.kinds, before[0], after[0])
    yield places_together("others", said.kinds, *_others_beside(said))


def _others_beside(said: _Said) -> tuple[Codes, Codes]:
    """Whether any agency is spoken of earlier in the text, and later: 1 or 0; [n] each."""
    spoken = (said.words == _OWN) | (said.words == _OTHER)
    until = np.concatenate(([0], np.cumsum(spoken)))
    begins, ends = until[said.begins[said.name_of]], until[said.begins[said.name_of + 1]]
    earlier = (until[said.firsts] > begins).astype(np.uint64)
    later = (until[said.afters] < ends).astype(np.uint64)
    return earlier, later
