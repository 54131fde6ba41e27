"""Every topic, declared once: what it carries, who writes, who reads, how long it keeps.

Kafka is the transport, PostgreSQL the truth: topics that carry sealed personal data keep
7 days at most. One topic per partner gives each its own lag, access rule and retention.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.contracts import events as e

_DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True)
class Topic:
    name: str
    carries: tuple[str, ...]
    """CloudEvents types; empty for the two topics that an agency itself reads or writes."""
    written_by: tuple[str, ...]
    read_by: tuple[str, ...]
    partitions: int
    retention_ms: int | None
    """`None`: compacted, the last message of a key is kept for ever."""


CASE_REQUESTS = Topic(
    name="case-requests",
    carries=(
        e.RequestSubmittedV1.TYPE,
        e.RequestWithdrawnV1.TYPE,
        e.RequestAnsweredV1.TYPE,
        e.RequestRerouteAskedV1.TYPE,
    ),
    written_by=("intake",),
    read_by=("router",),
    partitions=8,
    retention_ms=7 * _DAY_MS,
)

CASE_UPDATES = Topic(
    name="case-updates",
    carries=(
        e.CaseRoutedV1.TYPE,
        e.CaseSentToTriageV1.TYPE,
        e.ReferralDeliveredV1.TYPE,
        e.ReferralDeliveryUncertainV1.TYPE,
        e.ReferralDeliveryParkedV1.TYPE,
        e.ReferralDeliveryResumedV1.TYPE,
        e.ReferralOverdueV1.TYPE,
        e.ReferralReferenceGivenV1.TYPE,
        e.ReferralStatusChangedV1.TYPE,
        e.ReferralMessageReceivedV1.TYPE,
    ),
    written_by=("router", "partner_adapters"),
    read_by=("intake", "router"),
    partitions=8,
    retention_ms=7 * _DAY_MS,
)

PARTNER_DIRECTORY = Topic(
    name="partner-directory",
    carries=(e.PartnerDescribedV1.TYPE,),
    written_by=("partner_adapters",),
    read_by=("intake", "router"),
    partitions=1,
    retention_ms=None,
)


def referrals_topic(partner_id: str) -> Topic:
    """The referrals of one partner, on their way to its adapter."""
    return Topic(
        name=f"referrals-{partner_id}",
        carries=(e.ReferralIssuedV1.TYPE, e.ReferralRecalledV1.TYPE, e.ReferralAnswerGivenV1.TYPE),
        written_by=("router",),
        read_by=("partner_adapters",),
        partitions=4,
        retention_ms=7 * _DAY_MS,
    )


def partner_queue_topic(partner_id: str) -> Topic:
    """What a `kafka_queue` agency reads: encrypted to its public key."""
    return Topic(
        name=f"partner-queue-{partner_id}",
        carries=(),
        written_by=("partner_adapters",),
        read_by=(f"agency:{partner_id}",),
        partitions=4,
        retention_ms=7 * _DAY_MS,
    )


def partner_replies_topic(partner_id: str) -> Topic:
    """What a `kafka_queue` agency writes back."""
    return Topic(
        name=f"partner-replies-{partner_id}",
        carries=(),
        written_by=(f"agency:{partner_id}",),
        read_by=("partner_adapters",),
        partitions=4,
        retention_ms=7 * _DAY_MS,
    )


def all_topics(*, partner_ids: Iterable[str], queue_partner_ids: Iterable[str]) -> list[Topic]:
    """Every topic that must exist for these partners."""
    return [
        CASE_REQUESTS,
        CASE_UPDATES,
        PARTNER_DIRECTORY,
        *(referrals_topic(partner_id) for partner_id in partner_ids),
        *(
            topic(partner_id)
            for partner_id in queue_partner_ids
            for topic in (partner_queue_topic, partner_replies_topic)
        ),
    ]
