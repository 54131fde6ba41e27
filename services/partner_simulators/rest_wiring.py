"""How an agency with an HTTP API is put together; it calls back or is polled."""

from services.partner_simulators.agencies import REST_AGENCIES, RestAgencyFacts
from services.partner_simulators.door_keys import ApiKey, OAuth2
from services.partner_simulators.faults import FaultPanel
from services.partner_simulators.http_simulator import HttpSimulator
from services.partner_simulators.rest_agency import RestAgency
from services.partner_simulators.status_list import StatusList
from services.partner_simulators.workplace import Workplace


def rest_agency(partner_id: str, place: Workplace) -> HttpSimulator:
    """An agency with an HTTP API."""
    facts, faults = REST_AGENCIES[partner_id], FaultPanel()
    outgoing, statuses = None, None
    if facts.tells_by == "callback":
        outgoing = place.calling_back(partner_id)
        announce = outgoing.push
    else:
        statuses = StatusList()
        announce = statuses.add
    office = place.office(
        partner_id,
        announce=announce,
        faults=faults,
        recognises_repetitions=facts.recognises_repetitions,
    )
    agency = RestAgency(
        office=office,
        key=_key(partner_id, facts, place),
        visitor_fields=facts.visitor_fields,
        statuses=statuses,
        faults=faults,
        clock=place.clock,
    )
    return HttpSimulator(
        office=office,
        answer=agency.answer,
        faults=faults,
        outgoing=outgoing,
        host=place.settings.simulator_host,
        port=place.settings.port_of(facts.port_offset),
    )


def _key(partner_id: str, facts: RestAgencyFacts, place: Workplace) -> ApiKey | OAuth2:
    if facts.key == "api_key":
        return ApiKey(place.secret(f"secret_{partner_id}_api_key"))
    return OAuth2(
        client_id=place.secret(f"secret_{partner_id}_client_id"),
        client_secret=place.secret(f"secret_{partner_id}_client_secret"),
    )
