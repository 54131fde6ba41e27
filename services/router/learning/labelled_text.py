"""A text with what people said of it: what training reads; plain data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LabelledText:
    """`agencies`: the right ones, `hors_perimetre` alone; empty when only wrong ones are known."""

    text: str
    agencies: frozenset[str]
    not_agencies: frozenset[str] = frozenset()
    language: str | None = None
    urgent: bool | None = None
    """None when nobody said: then nothing is known of danger either."""
    danger: str | None = None
