"""Creates the declared topics and verifies that they are what was declared."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.contracts.topics import Topic

_TIMEOUT = 15.0


class KafkaUnavailable(Exception):
    """No broker answers."""


class TopicsNotAsDeclared(Exception):
    """Topics are missing or differ from `shared/contracts/topics.py`; the text lists them."""


@dataclass(frozen=True)
class TopicFault:
    """One way in which a topic differs from its declaration."""

    topic: str
    fault: str


async def create_topics(
    kafka: str, topics: Sequence[Topic], *, replication: int = 1, min_in_sync: int = 1
) -> list[str]:
    """Create the topics that are missing and return their names.

    Raises `KafkaUnavailable`, and `TopicsNotAsDeclared` for one that Kafka will not create.
    """
    async with _admin(kafka) as admin:
        existing = set(await admin.list_topics())
        missing = [topic for topic in topics if topic.name not in existing]
        if not missing:
            return []
        answer = await admin.create_topics(
            [
                NewTopic(
                    name=topic.name,
                    num_partitions=topic.partitions,
                    replication_factor=replication,
                    topic_configs={**_settings_of(topic), "min.insync.replicas": str(min_in_sync)},
                )
                for topic in missing
            ]
        )
        for name, code, *_ in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise TopicsNotAsDeclared(f"topic {name} was not created: {error.__name__}")
        return [topic.name for topic in missing]


async def list_topic_faults(kafka: str, topics: Sequence[Topic]) -> list[TopicFault]:
    """Compare what Kafka has with what is declared: that it is there, and its partitions."""
    async with _admin(kafka) as admin:
        described = await admin.describe_topics([topic.name for topic in topics])
        partitions = {
            entry["topic"]: len(entry["partitions"])
            for entry in described
            if not entry["error_code"]
        }
    faults = []
    for topic in topics:
        found = partitions.get(topic.name)
        if found is None:
            faults.append(TopicFault(topic.name, "is missing"))
        elif found != topic.partitions:
            faults.append(
                TopicFault(topic.name, f"has {found} partitions, declared {topic.partitions}")
            )
    return faults


async def verify_topics(kafka: str, topics: Sequence[Topic]) -> None:
    """Raise `TopicsNotAsDeclared` unless every topic exists as declared."""
    faults = await list_topic_faults(kafka, topics)
    if faults:
        text = "; ".join(f"{fault.topic} {fault.fault}" for fault in faults)
        raise TopicsNotAsDeclared(f"{text}; run `aiguillage topics create`")


def _settings_of(topic: Topic) -> dict[str, str]:
    if topic.retention_ms is None:
        return {"cleanup.policy": "compact"}
    return {"cleanup.policy": "delete", "retention.ms": str(topic.retention_ms)}


@asynccontextmanager
async def _admin(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka, request_timeout_ms=10_000)
    try:
        async with asyncio.timeout(_TIMEOUT):
            await admin.start()
            yield admin
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaUnavailable(
            f"no answer from Kafka at {kafka}: {type(error).__name__}"
        ) from error
    finally:
        await admin.close()
