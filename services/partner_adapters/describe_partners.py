"""Announce on partner-directory what the other services need to know, when it has changed."""

from collections.abc import Mapping

from services.partner_adapters.partner_file import PartnerFile
from services.partner_adapters.partner_store import (
    insert_partners,
    lock_descriptions,
    mark_described,
)
from shared.contracts.events import PartnerDescribedV1, PartnerUnit, derive_id
from shared.contracts.topics import PARTNER_DIRECTORY
from shared.plumbing.clock import Clock
from shared.plumbing.database import Transaction
from shared.plumbing.outbox import Outbox, OutgoingEvent


async def describe_partners(
    tx: Transaction, partners: Mapping[str, PartnerFile], *, outbox: Outbox, clock: Clock
) -> list[str]:
    """Describe the partners that are new or changed; returns their ids."""
    await insert_partners(tx, list(partners))
    announced = await lock_descriptions(tx, list(partners))
    described: list[str] = []
    events: list[OutgoingEvent] = []
    for partner_id, partner in sorted(partners.items()):
        event = _described(partner, clock)
        content = event.model_dump(mode="json", exclude={"described_at"})
        if content == announced[partner_id]:
            continue
        await mark_described(tx, partner_id, content)
        event_id = derive_id(event.TYPE, partner_id, event.described_at.isoformat())
        events.append(OutgoingEvent(topic=PARTNER_DIRECTORY.name, event_id=event_id, data=event))
        described.append(partner_id)
    await outbox.append(tx, events)
    return described


def _described(partner: PartnerFile, clock: Clock) -> PartnerDescribedV1:
    return PartnerDescribedV1(
        partner_id=partner.id,
        name=partner.name,
        kind=partner.kind,
        accepting=partner.accepting,
        permitted_fields=partner.permitted_fields,
        needed_identifiers=partner.needed_identifiers,
        units=tuple(
            PartnerUnit(unit_id=unit.unit_id, name=unit.name, postcodes=unit.postcodes)
            for unit in partner.units
        ),
        described_at=clock.now(),
    )
