"""Which partners there are for the router: pure."""

from dataclasses import dataclass

from services.router.routing_rules import OUT_OF_SCOPE

NOT_A_PARTNER = "unknown"
"""Stands for whatever a client named that is no partner: what it wrote is not ours to repeat."""


@dataclass(frozen=True, slots=True)
class Partners:
    """Who there is (`listed`, by the catalogue) and who takes referrals now (`served`)."""

    listed: frozenset[str]
    served: frozenset[str]

    def as_listed(self, named: str) -> str:
        """The partner somebody named, or `hors_perimetre`; anything else is `unknown`."""
        return named if named in self.listed or named == OUT_OF_SCOPE else NOT_A_PARTNER
