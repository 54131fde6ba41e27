"""Which agency is put together by whom: every simulator of the process."""

from collections.abc import Callable, Mapping
from functools import partial

import aiohttp

from services.partner_simulators.agencies import (
    MAIL_AGENCY,
    PORTAL_AGENCIES,
    QUEUE_AGENCY,
    REST_AGENCIES,
    SFTP_AGENCY,
    SOAP_AGENCY,
    WEBHOOK_AGENCY,
)
from services.partner_simulators.mail_wiring import mail_agency
from services.partner_simulators.office import Clock
from services.partner_simulators.portal_wiring import portal_people
from services.partner_simulators.queue_wiring import queue_agency
from services.partner_simulators.rest_wiring import rest_agency
from services.partner_simulators.schedule import Schedule
from services.partner_simulators.settings import Settings
from services.partner_simulators.sftp_wiring import sftp_agency
from services.partner_simulators.simulator import Simulator
from services.partner_simulators.soap_wiring import soap_agency
from services.partner_simulators.webhook_wiring import webhook_agency
from services.partner_simulators.workplace import Workplace

BUILDERS: Mapping[str, Callable[[Workplace], Simulator]] = {
    **{partner_id: partial(rest_agency, partner_id) for partner_id in REST_AGENCIES},
    SOAP_AGENCY: soap_agency,
    WEBHOOK_AGENCY: webhook_agency,
    SFTP_AGENCY: sftp_agency,
    MAIL_AGENCY: mail_agency,
    QUEUE_AGENCY: queue_agency,
    **{partner_id: partial(portal_people, partner_id) for partner_id in PORTAL_AGENCIES},
}


def build_simulators(
    settings: Settings, *, schedule: Schedule, http: aiohttp.ClientSession, clock: Clock
) -> dict[str, Simulator]:
    """The agencies asked for, by partner id; nothing listens yet."""
    place = Workplace(settings=settings, schedule=schedule, http=http, clock=clock)
    return {partner_id: BUILDERS[partner_id](place) for partner_id in settings.simulator_partners}
