"""What of a partner's file does not fit together, or not with its kind. PURE."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from services.partner_adapters.partner_file import PartnerFile, Table

Fault = tuple[tuple[str, ...], str]
"""Where, by table and setting, and what is wrong there."""

_DAY = 86_400


class Kind(Protocol):
    """What a kind says of its partners' files."""

    @property
    def settings(self) -> type[Table]: ...
    @property
    def credentials(self) -> Sequence[type[Table]]: ...
    @property
    def returns(self) -> Sequence[type[Table]]: ...
    @property
    def looks_up(self) -> bool: ...
    @property
    def takes_batches(self) -> bool: ...


def faults_of(partner: PartnerFile, kind: Kind) -> Iterator[Fault]:
    """Every fault; each setting by itself has been found valid before."""
    yield from _not_of_kind(partner, kind)
    yield from _identifiers(partner)
    yield from _units(partner)
    yield from _times(partner)


def ways_of(tables: Sequence[type[Table]]) -> list[str]:
    """The words that choose between these tables: `oauth2`, `polling` and so on."""
    return [table.model_json_schema()["properties"]["way"]["const"] for table in tables]


def _not_of_kind(partner: PartnerFile, kind: Kind) -> Iterator[Fault]:
    for setting, tables in (("credentials", kind.credentials), ("status_return", kind.returns)):
        if not isinstance(getattr(partner, setting), tuple(tables)):
            ways = " or ".join(ways_of(tables))
            yield (setting, "way"), f"{partner.kind} partners have {ways}"
    if partner.after_unknown == "look_up" and not kind.looks_up:
        yield ("after_unknown",), f"{partner.kind} partners cannot be asked"
    if partner.limits.batch > 1 and not kind.takes_batches:
        yield ("limits", "batch"), f"{partner.kind} partners take one at a time"


def _identifiers(partner: PartnerFile) -> Iterator[Fault]:
    if partner.needed_identifiers and "identifiers" not in partner.permitted_fields:
        yield ("needed_identifiers",), "identifiers are not among the permitted_fields"
    if set(partner.needed_identifiers) - {partner.id}:
        yield ("needed_identifiers",), "only the partner's own ever leaves for it"


def _units(partner: PartnerFile) -> Iterator[Fault]:
    counted = Counter(unit.unit_id for unit in partner.units)
    for unit_id, count in counted.items():
        if count > 1:
            yield ("units", "unit_id"), f"{unit_id} is there {count} times"


def _times(partner: PartnerFile) -> Iterator[Fault]:
    if partner.breaker.first_pause_seconds > partner.breaker.longest_pause_seconds:
        yield ("breaker", "first_pause_seconds"), "is longer than longest_pause_seconds"
    if partner.expiry is None:
        return
    if sum(partner.retry.delays_seconds) > partner.expiry.days * _DAY:
        yield ("expiry", "days"), "is shorter than the schedule of attempts"
    if partner.deadline and partner.deadline.acknowledge_business_days >= partner.expiry.days:
        yield ("deadline", "acknowledge_business_days"), "is not before the expiry"
