"""What can be wrong with an agency's system, ordered from the control port."""

from dataclasses import dataclass

STATUS_FAULTS = frozenset(
    {
        "duplicate_statuses",  # each status is told twice
        "out_of_order_statuses",  # of two about a referral, the later one is told first
    }
)
"""What any agency's people can do wrong, whatever the kind; met by statuses, not by requests."""
DOOR_FAULTS = STATUS_FAULTS | frozenset(
    {
        "down",  # nobody listens: connection refused
        "slow",  # answers after `seconds`
        "trickle",  # files the referral, then answers byte by byte for `seconds`
        "garbage",  # 200 with bytes that are nothing
        "html",  # 200 with a maintenance page
        "truncated",  # files the referral, then answers half a JSON document
        "huge",  # 200 with 10 MB
        "redirect",  # 302 to a page
        "429",  # too many requests, Retry-After `seconds`
        "500",
        "cut_after_accept",  # files the referral, then the line goes dead
        "unauthorized",  # 401 whatever the credentials
        "refuse",  # 422 as if the content were wrong
    }
)
SOAP_FAULTS = DOOR_FAULTS | {
    "fault_server",  # files the referral, then answers a fault
    "fault_client",  # a fault as if the content were wrong
    "fault_unavailable",  # a fault that says: not now, nothing was taken
    "expired_credentials",  # a fault of WS-Security whatever the password
    "entities",  # 200 with a document type and an external entity
    "billion_laughs",  # 200 with entities that grow tenfold ten times
}
QUEUE_FAULTS = STATUS_FAULTS | frozenset(
    {
        "down",  # stops consuming
        "slow",  # waits `seconds` before each batch
        "garbage",  # replies with bytes that are nothing
        "cut_after_accept",  # replies, then loses its connection before it commits
        "refuse",  # answers that the referral is incomplete
    }
)
MAIL_FAULTS = STATUS_FAULTS | frozenset(
    {
        "down",  # neither server listens
        "slow",  # takes the mail after `seconds`
        "garbage",  # greets with bytes that are nothing
        "greylist",  # 451: come back later
        "refuse",  # 554 to the mail itself
        "unauthorized",  # 535 whatever the password
        "no_starttls",  # where mails are handed in
        "expired_certificate",  # there too
        "cut_after_accept",  # takes the mail, then the line goes dead before the answer
    }
)
SFTP_FAULTS = STATUS_FAULTS | frozenset(
    {
        "down",  # nobody listens: connection refused
        "slow",  # lets us in after `seconds`
        "unauthorized",  # our key is not known any more
        "wrong_host_key",  # somebody else answers
        "permission_denied",  # we may not write any more
        "disk_full",
        "cut_before_accept",  # the line goes dead once the file has its name, not its manifest
        "cut_after_accept",  # the line goes dead once the manifest has its name
        "refuse",  # acknowledges every referral as incomplete
        "truncated",  # half of each file first, the whole later
        "garbage",  # lines that are nothing among the others
        "repeated_files",  # each file a second time under another name
    }
)
PORTAL_FAULTS = STATUS_FAULTS | {"down", "slow"}  # nobody works; everybody works slowly
NOT_COUNTED = STATUS_FAULTS | {"down"}
"""Met by nothing that is handed in, so they last until healed."""

GARBAGE = b"\x00\xff\xfe{]garbage"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong.

    `seconds` is how long (slow), how soon (429), until when (down) or how late at most
    (out_of_order_statuses).
    """

    kind: str
    seconds: float | None = None


class FaultPanel:
    """The fault of one agency at this moment, perhaps for the next `count` requests only."""

    def __init__(self) -> None:
        self._fault: Fault | None = None
        self._left: int | None = None

    @property
    def current(self) -> Fault | None:
        return self._fault

    def set(self, fault: Fault | None, *, count: int | None = None) -> None:
        """Put a fault, for ever or for `count` requests; None heals."""
        self._fault = fault
        self._left = count

    def meet(self, kind: str) -> Fault | None:
        """The fault of this kind, if it is what is wrong; this counts."""
        met = self._fault is not None and self._fault.kind == kind
        return self.take(counts=True) if met else None

    def take(self, *, counts: bool) -> Fault | None:
        """The fault this request meets.

        A fault with a count meets only the requests that count (what is handed in), so that
        an agency's poll or sign-in does not use it up.
        """
        if self._fault is None or self._fault.kind in STATUS_FAULTS:
            return None
        if self._left is None:
            return self._fault
        if not counts:
            return None
        fault = self._fault
        self._left -= 1
        if self._left <= 0:
            self.set(None)
        return fault
