"""What `classify` answers: plain frozen data, without the visitor's words.

Spans are `(start, end)` indices of the ORIGINAL Python string, end exclusive.
"""

from typing import NamedTuple

Span = tuple[int, int]


class Need(NamedTuple):
    """One thing the visitor needs, that one of our partners (or the house) can act on."""

    demarche: str  # "caf.apl_demande"
    partner: str  # "caf"
    probability: float  # 0…1
    spans: tuple[Span, ...]  # the words that decided
    reason: str  # the reasons of scoring.Candidate, or "vague"


class BodyFound(NamedTuple):
    """A body outside the house's partners that a part of the text is for."""

    id: str  # "dgfip", an entry of out_of_scope.toml
    probability: float
    spans: tuple[Span, ...]
    reason: str


class Classification(NamedTuple):
    """The best reading of one text; never empty: a text nobody understands is one vague need."""

    needs: tuple[Need, ...]
    bodies: tuple[BodyFound, ...]
    urgent: bool
    danger: str | None  # the number to call: "15", "17", "18", "112", "3919", "3114", "gaz"
    confidence: float  # 0…1 that the set of agencies is right
    vague: bool  # a person must ask what is meant
    model_version: str
    routing_cost: float = 0.0  # what sending it unseen may cost; a human's two minutes are 1
