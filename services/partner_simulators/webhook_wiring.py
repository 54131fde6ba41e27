"""How the agency that takes signed messages at one address, and calls back, is put together."""

from services.partner_simulators.agencies import (
    WEBHOOK_AGENCY,
    WEBHOOK_AGENCY_FIELDS,
    WEBHOOK_AGENCY_PORT,
)
from services.partner_simulators.faults import FaultPanel
from services.partner_simulators.http_simulator import HttpSimulator
from services.partner_simulators.webhook_agency import WebhookAgency
from services.partner_simulators.workplace import Workplace


def webhook_agency(place: Workplace) -> HttpSimulator:
    """It knows the newer of our signing keys only."""
    partner_id, faults = WEBHOOK_AGENCY, FaultPanel()
    outgoing = place.calling_back(partner_id)
    office = place.office(partner_id, announce=outgoing.push, faults=faults)
    agency = WebhookAgency(
        office=office,
        secret=place.secret(f"secret_{partner_id}_signing_keys").split()[0],
        visitor_fields=WEBHOOK_AGENCY_FIELDS,
        faults=faults,
        clock=place.clock,
    )
    return HttpSimulator(
        office=office,
        answer=agency.answer,
        faults=faults,
        outgoing=outgoing,
        host=place.settings.simulator_host,
        port=place.settings.port_of(WEBHOOK_AGENCY_PORT),
    )
