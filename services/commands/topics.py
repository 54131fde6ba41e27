"""`aiguillage topics create | verify`: the topics of `shared/contracts/topics.py`, and who may
use those of the agencies that work by Kafka."""

import asyncio
import os
from collections.abc import Mapping

from services.commands import where
from services.commands.outcome import CommandFailed, NotReachable
from services.commands.partner_files import read_partner_files
from services.commands.printing import print_rows
from shared.contracts.topics import Topic, all_topics


def create(*, replication: int, min_in_sync: int, as_json: bool) -> None:
    """Create what is missing; give each agency whose password is in the environment its access.

    The password of an agency is AIGUILLAGE_SECRET_<ID>_KAFKA_PASSWORD.
    """
    created = asyncio.run(
        create_missing(
            where.kafka(),
            passwords=_passwords_of_the_environment(),
            replication=replication,
            min_in_sync=min_in_sync,
        )
    )
    print_rows(
        [{"created": name} for name in created],
        columns=["created"],
        as_json=as_json,
        when_empty="Every topic was there.",
    )


def verify(*, as_json: bool) -> None:
    """Print each topic with what is wrong with it; raises `CommandFailed` if one is wrong."""
    faults = asyncio.run(list_faults(where.kafka()))
    rows: list[dict[str, object]] = [
        {
            "topic": topic.name,
            "partitions": topic.partitions,
            "written_by": topic.written_by,
            "read_by": topic.read_by,
            "fault": faults.get(topic.name),
        }
        for topic in declared_topics()
    ]
    print_rows(
        rows,
        columns=["topic", "partitions", "written_by", "read_by", "fault"],
        as_json=as_json,
    )
    if faults:
        raise CommandFailed(
            f"{len(faults)} topics are not as declared.", hint="Run `aiguillage topics create`."
        )


def declared_topics() -> list[Topic]:
    """Every topic that must exist for the partners of the partner files."""
    return all_topics(partner_ids=sorted(read_partner_files()), queue_partner_ids=_queue_partners())


async def create_missing(
    kafka: str, *, passwords: Mapping[str, str], replication: int = 1, min_in_sync: int = 1
) -> list[str]:
    """The names created now; raises `NotReachable` and `CommandFailed`."""
    from shared.plumbing.agencies_access import AccessNotGranted, grant_agencies_access
    from shared.plumbing.topic_admin import KafkaUnavailable, TopicsNotAsDeclared, create_topics

    try:
        created = await create_topics(
            kafka, declared_topics(), replication=replication, min_in_sync=min_in_sync
        )
        await asyncio.to_thread(grant_agencies_access, kafka, passwords)
    except KafkaUnavailable as error:
        raise _not_reachable(error) from error
    except (TopicsNotAsDeclared, AccessNotGranted) as error:
        raise CommandFailed(str(error)) from error
    return created


async def list_faults(kafka: str) -> dict[str, str]:
    """What is wrong, by topic; raises `NotReachable`."""
    from shared.plumbing.topic_admin import KafkaUnavailable, list_topic_faults

    try:
        return {
            fault.topic: fault.fault for fault in await list_topic_faults(kafka, declared_topics())
        }
    except KafkaUnavailable as error:
        raise _not_reachable(error) from error


def _queue_partners() -> list[str]:
    partners = read_partner_files()
    return sorted(each for each, partner in partners.items() if partner.kind == "kafka_queue")


def _passwords_of_the_environment() -> dict[str, str]:
    found = {
        partner_id: os.environ.get(f"AIGUILLAGE_SECRET_{partner_id.upper()}_KAFKA_PASSWORD")
        for partner_id in _queue_partners()
    }
    return {partner_id: password for partner_id, password in found.items() if password}


def _not_reachable(error: Exception) -> NotReachable:
    return NotReachable(f"{error}.", hint="Is it started? Is AIGUILLAGE_KAFKA right?")
