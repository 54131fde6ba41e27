"""CHECKS: all of them, by number. A number belongs to its check for ever; gaps are for new ones."""

from services.partner_adapters.conformance import (
    callbacks,
    email,
    handing_over,
    http_input,
    kafka_queue,
    portal,
    rest,
    sftp,
    soap,
    telling,
    webhook,
)
from services.partner_adapters.conformance.check import Check

GROUPS: dict[str, tuple[Check, ...]] = {
    "handing over": handing_over.CHECKS,
    "statuses": telling.CHECKS,
    "bad input over HTTP": http_input.CHECKS,
    "rest": rest.CHECKS,
    "webhook": webhook.CHECKS,
    "callbacks": callbacks.CHECKS,
    "soap": soap.CHECKS,
    "sftp": sftp.CHECKS,
    "email": email.CHECKS,
    "kafka_queue": kafka_queue.CHECKS,
    "portal": portal.CHECKS,
}

CHECKS: tuple[Check, ...] = tuple(check for group in GROUPS.values() for check in group)
