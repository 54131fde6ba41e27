"""PURE: what the catalogue finds in a text, as places beside its n-grams.

The model learns how far to trust each name, démarche and body of the catalogue: some always mean
their agency, others are mostly a place, a payer or a paper.
"""

from functools import lru_cache

from services.router.classification.matching import Reading
from services.router.classification.ngrams import AND, place_of
from services.router.classification.result import Classification
from services.router.classification.trained_model import Find


def finds_of(lexical: Classification, reading: Reading) -> list[Find]:
    """The names found, where they stand; and of the whole text, what they add up to."""
    if not reading.forms:
        return []
    found: dict[Find, None] = {}  # each once, in an order that is always the same
    for match in reading.matches:
        found[Find(_place("k", match.kind, match.entry.id), match.first, match.last)] = None
        found[Find(_place("p", match.entry.partner), match.first, match.last)] = None
    end = len(reading.forms) - 1
    for need in lexical.needs:
        found[Find(_place("d", need.demarche), 0, end)] = None
    for body in lexical.bodies:
        found[Find(_place("d", f"body:{body.id}"), 0, end)] = None
    return list(found)


@lru_cache(maxsize=4096)
def _place(*said: str) -> int:
    return place_of(AND.join(said))
