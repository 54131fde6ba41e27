"""PURE: how a text speaks of each agency whose words it says: is it the one meant?

"I work at the SNCF", "the CAF asks me for an act of birth", "neither EDF nor Engie" are said of
any agency in the same way. So the words around an agency's own are read without its name (`#` it,
`@` another), and what they weigh is learned once for all agencies.
"""

from collections.abc import Sequence, Set
from itertools import pairwise

from services.router.classification.matching import Match, Reading
from services.router.classification.ngrams import place_of
from services.router.classification.normalisation import stem

_SPEAKING = frozenset(("name", "brand", "job", "topic"))
_AROUND = 4  # words
_MOST_AGENCIES = 4
_OWN, _OTHER = "#", "@"
_BEGINNING, _END = "<", ">"


def mentions_of(reading: Reading) -> dict[str, list[int]]:
    """Agency → the places (as in `ngrams`) of what is said around its words."""
    spoken: dict[str, list[Match]] = {}
    for match in reading.matches:
        if match.kind in _SPEAKING:
            spoken.setdefault(match.entry.partner, []).append(match)
    if not spoken:
        return {}
    stems = [stem(word.form) for word in reading.words]
    masked = list(stems)
    for matches in spoken.values():
        for match in matches:
            for index in match.at:
                masked[index] = _OTHER
    agencies = str(min(len(spoken), _MOST_AGENCIES))
    everywhere = [place_of("mn", agencies)]
    everywhere += [place_of("mw", said) for said in masked]
    everywhere += [place_of("mb", one, other) for one, other in pairwise(masked)]
    return {agency: _places(matches, masked, everywhere) for agency, matches in spoken.items()}


def _places(own: Sequence[Match], masked: Sequence[str], everywhere: Sequence[int]) -> list[int]:
    ours = {index for match in own for index in match.at}
    places = set(everywhere)
    for match in own:
        places.update(_around(match, ours, masked))
    return list(places)


def _around(match: Match, ours: Set[int], masked: Sequence[str]) -> list[int]:
    """What is said before and after one of the agency's words."""
    kind = match.kind
    first, last = min(match.at), max(match.at)

    def said(index: int) -> str:
        if index < 0:
            return _BEGINNING
        if index >= len(masked):
            return _END
        return _OWN if index in ours else masked[index]

    before = [said(first - distance) for distance in range(1, _AROUND + 1)]
    after = [said(last + distance) for distance in range(1, _AROUND + 1)]
    return [
        place_of("mk", kind),
        *[place_of("mL", kind, word) for word in before],
        *[place_of("mR", kind, word) for word in after],
        *[place_of("mL", kind, str(length), *before[:length]) for length in (1, 2, 3)],
        *[place_of("mR", kind, str(length), *after[:length]) for length in (1, 2, 3)],
        place_of("mLR", kind, before[0], after[0]),
        place_of("mp", kind, str(_OTHER in masked[:first]), str(_OTHER in masked[last + 1 :])),
    ]
