"""Every fault of every agency, and what must come of it.

One row each; `test_partners_in_trouble.py` runs them all, and fails when a simulator can have a
fault that has no row here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest


class Outcome(Enum):
    """What must come of a fault, in one sentence."""

    SENT_AGAIN = "the agency has nothing: it is sent again by itself"
    LOOKED_UP = "the agency may have it: it is looked up before anything is sent again"
    RECOGNISED = "the agency may have it: it is sent again, and recognised there"
    DECIDED = "nobody can know whether the agency has it: a person decides"
    PARKED = "it is refused as it stands: it waits for a person, with the reason"
    REFUSED = "the agency's people refuse it: that is its status, with the reason"
    WAITS = "it is delivered all the same, and waits where the agency will find it"
    FORWARD = "statuses come twice, late or in pieces: nothing moves back"
    UNREADABLE = "the reply makes no sense: it is kept as a dead letter, and nothing is claimed"


ABOUT_DELIVERY = frozenset(
    {Outcome.SENT_AGAIN, Outcome.LOOKED_UP, Outcome.RECOGNISED, Outcome.DECIDED}
)
"""In these the agency says nothing of the referral: a status would prove a lost delivery."""

ALL_STEPS = ("acknowledged", "in_progress", "resolved")


@dataclass(frozen=True)
class Row:
    """One fault of one agency.

    `reason`: what operations read of it; `seconds`: see `Fault` of the simulators; `steps`: what
    the case's timeline says of the agency in the end, None where some may be missing.
    """

    partner_id: str
    fault: str
    outcome: Outcome
    reason: str | None = None
    seconds: float | None = None
    steps: tuple[str, ...] | None = ALL_STEPS


SLOW = 2.5
"""Seconds: longer than we wait for an answer, shorter than we wait before we look it up."""
A_LITTLE_SLOW = 0.3
LATE_AT_MOST = 1.0
_SECONDS = {"slow": SLOW, "trickle": SLOW, "429": 1.0, "out_of_order_statuses": LATE_AT_MOST}

HTTP = ("caf", "edf", "engie", "cpam")
RECOGNISING = ("caf", "engie")
OPENING_A_FILE_EACH_TIME = ("cpam", "edf")
PORTAL = ("mairie", "accompagnement")


def _rows(
    partner_ids: Iterable[str], outcome: Outcome, reasons: Mapping[str, str | None]
) -> list[Row]:
    """The same outcome for several faults, each with what operations read of it."""
    return [
        Row(partner_id, fault, outcome, reason, _SECONDS.get(fault))
        for partner_id in partner_ids
        for fault, reason in reasons.items()
    ]


def _told_wrongly(partner_id: str, *, late: tuple[str, ...]) -> list[Row]:
    """Statuses told twice, then out of order: of three, those of `late` are seen."""
    return [
        Row(partner_id, "duplicate_statuses", Outcome.FORWARD),
        Row(
            partner_id,
            "out_of_order_statuses",
            Outcome.FORWARD,
            seconds=LATE_AT_MOST,
            steps=late,
        ),
    ]


_MAYBE_TAKEN = {
    "truncated": "unreadable_answer",
    "cut_after_accept": "line_cut",
    "slow": "timed_out",
    "trickle": "timed_out",
}

TABLE: list[Row] = [
    *_rows(
        HTTP,
        Outcome.SENT_AGAIN,
        {
            "down": "connection_refused",
            "html": "unreadable_answer",
            "garbage": "unreadable_answer",
            "huge": "answer_too_long",
            "redirect": "redirect",
            "429": "http_429",
            "500": "http_500",
            "unauthorized": "unauthorized",
        },
    ),
    *_rows(RECOGNISING, Outcome.RECOGNISED, _MAYBE_TAKEN),
    *_rows(OPENING_A_FILE_EACH_TIME, Outcome.LOOKED_UP, _MAYBE_TAKEN),
    *_rows(HTTP, Outcome.PARKED, {"refuse": "http_422"}),
    *_rows(
        ["cpam"],
        Outcome.SENT_AGAIN,
        {
            "fault_unavailable": "fault_indisponible",
            "expired_credentials": "unauthorized",
            "entities": "unreadable_answer",
            "billion_laughs": "unreadable_answer",
        },
    ),
    Row("cpam", "fault_server", Outcome.LOOKED_UP, "fault_server"),
    Row("cpam", "fault_client", Outcome.PARKED, "fault_client"),
    *_rows(
        ["sncf"],
        Outcome.SENT_AGAIN,
        {
            "down": "connection_refused",
            "garbage": "unreadable_answer",
            "greylist": "smtp_451",
            "unauthorized": "unauthorized",
            "no_starttls": "no_starttls",
            "expired_certificate": "certificate_or_tls",
        },
    ),
    *_rows(["sncf"], Outcome.DECIDED, {"cut_after_accept": "line_cut", "slow": "timed_out"}),
    Row("sncf", "refuse", Outcome.PARKED, "smtp_554"),
    *_rows(
        ["laposte"],
        Outcome.SENT_AGAIN,
        {
            "down": "connection_refused",
            "slow": "connect_timed_out",
            "unauthorized": "unauthorized",
            "wrong_host_key": "host_key_not_ours",
            "permission_denied": "permission_denied",
            "disk_full": "sftp_4",
        },
    ),
    *_rows(
        ["laposte"],
        Outcome.LOOKED_UP,
        {"cut_before_accept": "line_cut", "cut_after_accept": "line_cut"},
    ),
    Row("laposte", "refuse", Outcome.REFUSED, "incomplete"),
    # Each half file becomes whole later; what never does is told: test_sftp_half_files.py.
    Row("laposte", "truncated", Outcome.FORWARD, steps=None),
    Row("laposte", "garbage", Outcome.FORWARD, steps=None),
    Row("laposte", "repeated_files", Outcome.FORWARD),
    Row("casvp", "down", Outcome.WAITS),
    Row("casvp", "slow", Outcome.WAITS, seconds=A_LITTLE_SLOW),
    Row("casvp", "cut_after_accept", Outcome.FORWARD),
    Row("casvp", "refuse", Outcome.REFUSED, "incomplete"),
    Row("casvp", "garbage", Outcome.UNREADABLE, "the reply does not parse"),
    *(Row(partner_id, "down", Outcome.WAITS) for partner_id in PORTAL),
    *(Row(partner_id, "slow", Outcome.WAITS, seconds=A_LITTLE_SLOW) for partner_id in PORTAL),
    *(
        row
        for partner_id in (*HTTP, "sncf", *PORTAL)
        for row in _told_wrongly(partner_id, late=("in_progress", "resolved"))
    ),
    # Their acknowledgement goes with the taking of the referral, before anything can be late.
    *(
        row
        for partner_id in ("casvp", "laposte")
        for row in _told_wrongly(partner_id, late=("acknowledged", "resolved"))
    ),
]

HALVES = (
    ("caf", "edf", "cpam", "mairie"),
    ("engie", "laposte", "sncf", "casvp", "accompagnement"),
)
"""Agencies that are in trouble together, while the others must notice nothing."""


def troubles() -> list[tuple[Row, ...]]:
    """The rows that are tried together: one of each agency of a half, until none is left."""
    return [
        tuple(row for row in together if row is not None)
        for half in HALVES
        for together in zip_longest(
            *([row for row in TABLE if row.partner_id == partner_id] for partner_id in half)
        )
    ]
