"""PURE: what the catalogue finds in a text, as places beside its n-grams.

The model learns how far to trust each name, démarche and body of the catalogue: some always mean
their agency, others are mostly a place, a payer or a paper.
"""

from services.router.classification.matching import Reading
from services.router.classification.ngrams import AND, places_of
from services.router.classification.result import Classification
from services.router.classification.trained_model import Find


def finds_of(lexical: Classification, reading: Reading) -> list[Find]:
    """The names found, where they stand; and of the whole text, what they add up to."""
    named = {
        (said, match.first, max(match.at))
        for match in reading.matches
        for said in (f"k{AND}{match.kind}{AND}{match.entry.id}", f"p{AND}{match.entry.partner}")
    }
    last = len(reading.forms) - 1
    named |= {(f"d{AND}{need.demarche}", 0, last) for need in lexical.needs}
    named |= {(f"d{AND}body:{body.id}", 0, last) for body in lexical.bodies}
    found = sorted(named)
    places = places_of(said for said, _, _ in found)
    return [Find(place, first, end) for place, (_, first, end) in zip(places, found, strict=True)]
