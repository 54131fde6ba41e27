"""How the agency with a SOAP service is put together."""

from services.partner_simulators.agencies import (
    SOAP_AGENCY,
    SOAP_AGENCY_FIELDS,
    SOAP_AGENCY_PORT,
)
from services.partner_simulators.faults import SOAP_FAULTS, FaultPanel
from services.partner_simulators.http_simulator import HttpSimulator
from services.partner_simulators.office import Behaviour, Clock, Office
from services.partner_simulators.schedule import Schedule
from services.partner_simulators.settings import Settings
from services.partner_simulators.soap_agency import SoapAgency
from services.partner_simulators.status_list import StatusList
from services.partner_simulators.username_token import UsernameTokens


def soap_agency(settings: Settings, *, schedule: Schedule, clock: Clock) -> HttpSimulator:
    """The agency that is called, and asked for its statuses, by SOAP."""
    partner_id, faults, statuses = SOAP_AGENCY, FaultPanel(), StatusList()
    office = Office(
        partner_id=partner_id,
        behaviour=Behaviour(settings.simulator_pace, settings.simulator_outcome),
        schedule=schedule,
        clock=clock,
        announce=statuses.add,
        recognises_repetitions=False,
    )
    agency = SoapAgency(
        office=office,
        tokens=UsernameTokens(
            username=settings.secret(f"secret_{partner_id}_username"),
            password=settings.secret(f"secret_{partner_id}_password"),
        ),
        visitor_fields=SOAP_AGENCY_FIELDS,
        statuses=statuses,
        faults=faults,
        clock=clock,
    )
    return HttpSimulator(
        office=office,
        answer=agency.answer,
        faults=faults,
        outgoing=None,
        host=settings.simulator_host,
        port=settings.port_of(SOAP_AGENCY_PORT),
        possible_faults=SOAP_FAULTS,
    )
