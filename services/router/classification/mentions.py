"""PURE: how a text speaks of each agency whose words it says: is it the one meant?

"I work at the SNCF", "the CAF asks me for an act of birth", "neither EDF nor Engie" are said of
any agency in the same way. So the words around an agency's own are read without its name (`#` it,
`@` another), and what they weigh is learned once for all agencies.
"""

from collections.abc import Sequence
from itertools import pairwise

from services.router.classification.matching import Match, Reading
from services.router.classification.ngrams import AND, places_of

_SPEAKING = frozenset(("name", "brand", "job", "topic"))
_AROUND = 4  # words
_MOST_AGENCIES = 4
_OWN, _OTHER = "#", "@"
_AGENCIES = frozenset((_OWN, _OTHER))
_BEGINNING, _END = "<", ">"


def mentions_of(reading: Reading) -> dict[str, list[int]]:
    """Agency → the places (as in `ngrams`) of what is said around its words."""
    spoken: dict[str, list[Match]] = {}
    for match in reading.matches:
        if match.kind in _SPEAKING:
            spoken.setdefault(match.entry.partner, []).append(match)
    if not spoken:
        return {}
    masked = list(reading.stems)
    for matches in spoken.values():
        for match in matches:
            for index in match.at:
                masked[index] = _OTHER
    everywhere = places_of(
        [
            f"mn{AND}{min(len(spoken), _MOST_AGENCIES)}",
            *(f"mw{AND}{said}" for said in masked),
            *(f"mb{AND}{one}{AND}{other}" for one, other in pairwise(masked)),
        ]
    )
    return {agency: _places(matches, masked, everywhere) for agency, matches in spoken.items()}


def _places(own: Sequence[Match], masked: Sequence[str], everywhere: Sequence[int]) -> list[int]:
    framed = [*[_BEGINNING] * _AROUND, *masked, *[_END] * _AROUND]
    for match in own:
        for index in match.at:
            framed[index + _AROUND] = _OWN
    where = dict.fromkeys((match.kind, match.first, max(match.at)) for match in own)
    around = [ngram for kind, first, last in where for ngram in _around(kind, first, last, framed)]
    return list({*everywhere, *places_of(around)})


def _around(kind: str, first: int, last: int, framed: Sequence[str]) -> list[str]:
    """What is said before and after some of the agency's words, `first` to `last` of the text."""
    start, after_end = first + _AROUND, last + 1 + _AROUND
    before = framed[first:start][::-1]
    after = framed[after_end : after_end + _AROUND]
    left, right = f"mL{AND}{kind}{AND}", f"mR{AND}{kind}{AND}"
    spoken_before = not _AGENCIES.isdisjoint(framed[:start])
    spoken_after = not _AGENCIES.isdisjoint(framed[after_end:])
    return [
        f"mk{AND}{kind}",
        *[left + word for word in before],
        *[right + word for word in after],
        *[AND.join((f"{left}{length}", *before[:length])) for length in (1, 2, 3)],
        *[AND.join((f"{right}{length}", *after[:length])) for length in (1, 2, 3)],
        f"mLR{AND}{kind}{AND}{before[0]}{AND}{after[0]}",
        f"mp{AND}{kind}{AND}{spoken_before}{AND}{spoken_after}",
    ]
