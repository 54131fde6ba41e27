"""How the agency with a SOAP service is put together."""

from services.partner_simulators.agencies import (
    SOAP_AGENCY,
    SOAP_AGENCY_FIELDS,
    SOAP_AGENCY_PORT,
)
from services.partner_simulators.faults import SOAP_FAULTS, FaultPanel
from services.partner_simulators.http_simulator import HttpSimulator
from services.partner_simulators.soap_agency import SoapAgency
from services.partner_simulators.status_list import StatusList
from services.partner_simulators.username_token import UsernameTokens
from services.partner_simulators.workplace import Workplace


def soap_agency(place: Workplace) -> HttpSimulator:
    """The agency that is called, and asked for its statuses, by SOAP."""
    partner_id, faults, statuses = SOAP_AGENCY, FaultPanel(), StatusList()
    office = place.office(
        partner_id, announce=statuses.add, faults=faults, recognises_repetitions=False
    )
    agency = SoapAgency(
        office=office,
        tokens=UsernameTokens(
            username=place.secret(f"secret_{partner_id}_username"),
            password=place.secret(f"secret_{partner_id}_password"),
        ),
        visitor_fields=SOAP_AGENCY_FIELDS,
        statuses=statuses,
        faults=faults,
        clock=place.clock,
    )
    return HttpSimulator(
        office=office,
        answer=agency.answer,
        faults=faults,
        outgoing=None,
        host=place.settings.simulator_host,
        port=place.settings.port_of(SOAP_AGENCY_PORT),
        possible_faults=SOAP_FAULTS,
    )
