"""How people who work our portal's inbox are put together."""

from services.partner_simulators.faults import FaultPanel
from services.partner_simulators.outgoing import Outgoing
from services.partner_simulators.portal_clicks import PortalClicks
from services.partner_simulators.portal_people import PortalSimulator
from services.partner_simulators.portal_session import PortalSession
from services.partner_simulators.workplace import Workplace


def portal_people(partner_id: str, place: Workplace) -> PortalSimulator:
    """They sign in at intake and work at our door."""
    person = place.settings.simulator_portal_accounts[partner_id]
    faults = FaultPanel()
    session = PortalSession(
        account=person.account,
        password=person.password.get_secret_value(),
        intake_url=place.settings.simulator_intake_url or "",
        portal_url=place.settings.simulator_portal_url or "",
        http=place.http,
    )
    clicks = PortalClicks(session=session, faults=faults)
    outgoing = Outgoing(partner_id=partner_id, send=clicks.send, schedule=place.schedule)
    return PortalSimulator(
        office=place.office(partner_id, announce=outgoing.push, faults=faults),
        session=session,
        outgoing=outgoing,
        faults=faults,
    )
