"""What became of the demonstration's requests: what intake says against what agencies hold. Pure.

Intake's cases are those of its HTTP API, an agency's ledger that of its simulator: two accounts
of the same thing, kept by processes that never talk about it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

UNANSWERED = frozenset({"issued", "delivered"})
UNDECIDED = "received"


@dataclass(frozen=True)
class Receipt:
    """What intake answered to one request, each time it was posted."""

    case_ids: tuple[str, ...]

    @property
    def case_id(self) -> str:
        return self.case_ids[0]


@dataclass(frozen=True)
class PartnerCount:
    """One agency: sent by intake's account, in its ledger, answered beyond the delivery."""

    routed: int
    delivered: int
    answered: int


@dataclass(frozen=True)
class Spread:
    """Seconds, and of how many."""

    count: int
    p50: float | None
    p95: float | None


@dataclass(frozen=True)
class Summary:
    """The end of a demonstration; `ok` is what the exit code says."""

    requests: int
    accepted: int
    routed: int
    triage: int
    out_of_scope: int
    partners: Mapping[str, PartnerCount]
    lost: int
    duplicates: int
    unsettled: int
    acceptance_to_delivery: Spread
    """From the 202 to the agency's yes."""
    callback_to_timeline: Spread
    """From the agency's word at our door to the case's timeline."""

    @property
    def ok(self) -> bool:
        return (
            self.accepted == self.requests
            and not self.lost
            and not self.duplicates
            and not self.unsettled
        )

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, **asdict(self)}


def is_settled(case: Mapping[str, Any]) -> bool:
    """Tell whether a case was decided and every agency concerned has answered at least once."""
    answered = all(referral["status"] not in UNANSWERED for referral in _live(case["referrals"]))
    return case["status"] != UNDECIDED and answered


def summarise(
    *,
    requests: int,
    receipts: Sequence[Receipt],
    cases: Sequence[Mapping[str, Any]],
    ledgers: Mapping[str, Mapping[str, Any]],
) -> Summary:
    """Compare; `cases` are whole cases of intake, all there are; `ledgers` by partner id."""
    referrals = [referral for case in cases for referral in _live(case["referrals"])]
    held = {partner_id: _held(ledger) for partner_id, ledger in ledgers.items()}
    known = {case["case_id"] for case in cases}
    promised = {receipt.case_id for receipt in receipts}
    never_arrived = sum(
        referral["referral_id"] not in held.get(referral["partner_id"], set())
        for referral in referrals
    )
    announced = {referral["referral_id"] for case in cases for referral in case["referrals"]}
    unannounced = sum(len(ids - announced) for ids in held.values())
    return Summary(
        requests=requests,
        accepted=len(receipts),
        routed=sum(bool(case["referrals"]) for case in cases),
        triage=sum(case["status"] == "in_triage" for case in cases),
        out_of_scope=sum(case["status"] == "out_of_scope" for case in cases),
        partners=_per_partner(referrals, held),
        lost=len(promised - known) + never_arrived,
        duplicates=len(known - promised)
        + sum(len(set(receipt.case_ids)) - 1 for receipt in receipts)
        + sum(int(ledger["duplicates"]) for ledger in ledgers.values())
        + unannounced,
        unsettled=sum(not is_settled(case) for case in cases),
        acceptance_to_delivery=spread(_acceptance_to_delivery(cases)),
        callback_to_timeline=spread(_callback_to_timeline(cases)),
    )


def spread(seconds: Iterable[float]) -> Spread:
    """Median and 95th percentile (nearest rank), in seconds."""
    ordered = sorted(seconds)
    return Spread(len(ordered), _rank(ordered, 50), _rank(ordered, 95))


def _rank(ordered: Sequence[float], percent: int) -> float | None:
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _live(referrals: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that were not called back; a case in a list does not say, a whole case does."""
    return [referral for referral in referrals if not referral.get("recalled")]


def _held(ledger: Mapping[str, Any]) -> set[str]:
    return {entry["referral_id"] for entry in ledger["entries"] if entry["what"] == "referral"}


def _per_partner(
    referrals: Iterable[Mapping[str, Any]], held: Mapping[str, set[str]]
) -> dict[str, PartnerCount]:
    routed: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    for referral in referrals:
        routed[referral["partner_id"]] += 1
        answered[referral["partner_id"]] += referral["status"] not in UNANSWERED
    return {
        partner_id: PartnerCount(
            routed[partner_id], len(held.get(partner_id, ())), answered[partner_id]
        )
        for partner_id in sorted({*routed, *held})
    }


def _acceptance_to_delivery(cases: Iterable[Mapping[str, Any]]) -> Iterable[float]:
    for case in cases:
        received = datetime.fromisoformat(case["received_at"])
        for line in case["timeline"]:
            if line["kind"] == "referral.delivered":
                yield (datetime.fromisoformat(line["at"]) - received).total_seconds()


def _callback_to_timeline(cases: Iterable[Mapping[str, Any]]) -> Iterable[float]:
    for case in cases:
        for line in case["timeline"]:
            if line["kind"] == "referral.status_changed":
                came = datetime.fromisoformat(line["facts"]["received_at"])
                yield (datetime.fromisoformat(line["recorded_at"]) - came).total_seconds()
