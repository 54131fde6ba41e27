"""Who is simulated, and what sets one agency apart from another."""

from dataclasses import dataclass
from typing import Literal

from services.partner_simulators.referral_form import ALL_VISITOR_FIELDS

_SUPPLIER_FIELDS = ALL_VISITOR_FIELDS - {"birth_date"}


@dataclass(frozen=True, slots=True)
class RestAgencyFacts:
    """One agency with an HTTP API; its door is at base port + `port_offset`."""

    port_offset: int
    key: Literal["oauth2", "api_key"]
    tells_by: Literal["callback", "polling"]
    visitor_fields: frozenset[str]
    """What it may know of a visitor; anything more is refused."""
    recognises_repetitions: bool = True


REST_AGENCIES: dict[str, RestAgencyFacts] = {
    "caf": RestAgencyFacts(1, "oauth2", "callback", ALL_VISITOR_FIELDS),
    "edf": RestAgencyFacts(3, "api_key", "polling", _SUPPLIER_FIELDS, recognises_repetitions=False),
}
SOAP_AGENCY = "cpam"
SOAP_AGENCY_PORT = 2
SOAP_AGENCY_FIELDS = ALL_VISITOR_FIELDS
WEBHOOK_AGENCY = "engie"
WEBHOOK_AGENCY_PORT = 4
WEBHOOK_AGENCY_FIELDS = _SUPPLIER_FIELDS
MAIL_AGENCY = "sncf"
MAIL_AGENCY_PORTS = (6, 7)
"""Of the server we hand mails in to, and of the mailbox we read."""
MAIL_AGENCY_ADDRESS = "orientations@sncf.invalid"
MAIL_AGENCY_FIELDS = _SUPPLIER_FIELDS - {"identifiers", "postcode"}
SFTP_AGENCY = "laposte"
SFTP_AGENCY_PORT = 5
SFTP_AGENCY_USER = "aiguillage"
SFTP_AGENCY_FIELDS = _SUPPLIER_FIELDS - {"identifiers"}
QUEUE_AGENCY = "casvp"
QUEUE_AGENCY_FIELDS = ALL_VISITOR_FIELDS - {"email"}
PORTAL_AGENCIES = ("mairie", "accompagnement")

ALL_AGENCIES = (
    *REST_AGENCIES,
    SOAP_AGENCY,
    WEBHOOK_AGENCY,
    MAIL_AGENCY,
    SFTP_AGENCY,
    QUEUE_AGENCY,
    *PORTAL_AGENCIES,
)
