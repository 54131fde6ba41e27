"""What an agency that works by Kafka may do there: a SCRAM user and three access rules.

READ its queue, READ groups whose names begin with `<partner>-`, WRITE its replies; whatever no
rule allows is refused. aiokafka's admin client knows neither rules nor users, hence kafka-python,
which is synchronous: from a coroutine, call through `asyncio.to_thread`.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from shared.contracts.topics import partner_queue_topic, partner_replies_topic
from shared.plumbing.topic_admin import KafkaUnavailable

SCRAM_ITERATIONS = 4096
_TIMEOUT_MS = 10_000
_BOOTSTRAP_MS = 5_000


class AccessNotGranted(Exception):
    """Kafka answered and refused; the text says what."""


def grant_agencies_access(kafka: str, passwords: Mapping[str, str]) -> None:
    """Give each agency (partner id → password) its user and its rules; again is harmless.

    Raises `KafkaUnavailable` and `AccessNotGranted`.
    """
    from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion
    from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

    if not passwords:
        return
    try:
        with closing(
            KafkaAdminClient(
                bootstrap_servers=kafka,
                bootstrap_timeout_ms=_BOOTSTRAP_MS,
                request_timeout_ms=_TIMEOUT_MS,
            )
        ) as admin:
            admin.alter_user_scram_credentials(
                [
                    UserScramCredentialUpsertion(
                        partner_id, ScramMechanism.SCRAM_SHA_512, password, SCRAM_ITERATIONS
                    )
                    for partner_id, password in passwords.items()
                ]
            )
            answer = admin.create_acls(
                [rule for partner_id in passwords for rule in _rules_of(partner_id)]
            )
            if answer["failed"]:
                _, error = answer["failed"][0]
                raise AccessNotGranted(f"an access rule was refused: {type(error).__name__}")
    except (KafkaConnectionError, KafkaTimeoutError, OSError) as error:
        raise KafkaUnavailable(
            f"no answer from Kafka at {kafka}: {type(error).__name__}"
        ) from error
    except KafkaError as error:
        raise AccessNotGranted(f"Kafka refused: {type(error).__name__}") from error


def _rules_of(partner_id: str) -> list[Any]:
    from kafka.admin import (
        ACL,
        ACLOperation,
        ACLPermissionType,
        ACLResourcePatternType,
        ResourcePattern,
        ResourceType,
    )

    literal, prefixed = ACLResourcePatternType.LITERAL, ACLResourcePatternType.PREFIXED
    queue, replies = partner_queue_topic(partner_id).name, partner_replies_topic(partner_id).name
    return [
        ACL(
            principal=f"User:{partner_id}",
            host="*",
            operation=operation,
            permission_type=ACLPermissionType.ALLOW,
            resource_pattern=ResourcePattern(resource, name, pattern),
        )
        for operation, resource, name, pattern in (
            (ACLOperation.READ, ResourceType.TOPIC, queue, literal),
            (ACLOperation.READ, ResourceType.GROUP, f"{partner_id}-", prefixed),
            (ACLOperation.WRITE, ResourceType.TOPIC, replies, literal),
        )
    ]
