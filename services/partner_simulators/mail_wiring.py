"""How the agency that is reached by mail is put together."""

from services.partner_simulators.agencies import (
    MAIL_AGENCY,
    MAIL_AGENCY_ADDRESS,
    MAIL_AGENCY_FIELDS,
    MAIL_AGENCY_PORTS,
)
from services.partner_simulators.faults import FaultPanel
from services.partner_simulators.mail_answers import MailAnswers
from services.partner_simulators.mail_certificates import Authority
from services.partner_simulators.mail_desk import MailDesk
from services.partner_simulators.mail_post import Post, PostFacts
from services.partner_simulators.mail_simulator import MailSimulator
from services.partner_simulators.mailbox import Mailbox
from services.partner_simulators.outgoing import Outgoing
from services.partner_simulators.workplace import Workplace


def mail_agency(place: Workplace) -> MailSimulator:
    """The agency's two servers, which are ours as well: we hand in there and read there."""
    partner_id, host, faults = MAIL_AGENCY, place.settings.simulator_host, FaultPanel()
    username = place.secret(f"secret_{partner_id}_mail_user")
    password = place.secret(f"secret_{partner_id}_mail_password")
    authority = Authority(place.secret(f"simulator_{partner_id}_private_key"))
    tls = authority.server_context(host, now=place.clock())
    post_port, mailbox_port = (place.settings.port_of(offset) for offset in MAIL_AGENCY_PORTS)
    mailbox = Mailbox(host=host, port=mailbox_port, username=username, password=password, tls=tls)
    answers = MailAnswers(address=MAIL_AGENCY_ADDRESS, put=mailbox.put, clock=place.clock)
    outgoing = Outgoing(partner_id=partner_id, send=answers.send, schedule=place.schedule)
    office = place.office(
        partner_id,
        announce=outgoing.push,
        faults=faults,
        recognises_repetitions=False,  # people file what they get
    )
    desk = MailDesk(
        office=office,
        answers=answers,
        announce=outgoing.push,
        visitor_fields=MAIL_AGENCY_FIELDS,
    )
    facts = PostFacts(
        username=username,
        password=password,
        recipient=MAIL_AGENCY_ADDRESS,
        tls=tls,
        expired_tls=authority.server_context(host, now=place.clock(), expired=True),
    )
    return MailSimulator(
        office=office,
        outgoing=outgoing,
        post=Post(host=host, port=post_port, facts=facts, faults=faults, take=desk.take),
        mailbox=mailbox,
        faults=faults,
    )
