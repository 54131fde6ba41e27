"""The places requests come from and the partners they may go to. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Directory:
    """The sites with their stations, and the partners heard of with their names."""

    stations_by_site: Mapping[str, frozenset[str]]
    partner_names: Mapping[str, str]
    """Empty until the first partner was heard of."""
