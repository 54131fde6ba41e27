"""The PostgreSQL and the Kafka that tests run on: where they come from, in this order.

1. addresses in the environment: AIGUILLAGE_TEST_DATABASE_URL, AIGUILLAGE_TEST_KAFKA
   (with AIGUILLAGE_TEST_KAFKA_AGENCIES and AIGUILLAGE_TEST_KAFKA_ADMIN_PASSWORD for the tests
   of the agencies' listener), each for itself;
2. AIGUILLAGE_TEST_INFRA=containers: throw-away containers;
3. otherwise the embedded servers, on data that is thrown away.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.embedded.kafka import ADMIN_USER, start_kafka
from shared.embedded.postgresql import start_postgresql


@dataclass(frozen=True)
class KafkaAddresses:
    """`internal` needs no password and may do everything; `agencies` is SASL/SCRAM with ACLs."""

    internal: str
    agencies: str
    admin_password: str


@dataclass(frozen=True)
class Infrastructure:
    """`database_url` is a superuser's; make a database of your own there, never use it as it is."""

    database_url: str
    kafka_internal: str
    kafka_agencies: str
    kafka_admin_user: str
    kafka_admin_password: str


@contextmanager
def infrastructure() -> Iterator[Infrastructure]:
    """Find or start both servers; what was started is stopped and its data removed."""
    with postgresql_for_tests() as database_url, kafka_for_tests() as kafka:
        yield both(database_url, kafka)


def both(database_url: str, kafka: KafkaAddresses) -> Infrastructure:
    return Infrastructure(
        database_url=database_url,
        kafka_internal=kafka.internal,
        kafka_agencies=kafka.agencies,
        kafka_admin_user=ADMIN_USER,
        kafka_admin_password=kafka.admin_password,
    )


@contextmanager
def postgresql_for_tests() -> Iterator[str]:
    """Gives a superuser's address."""
    if given := os.environ.get("AIGUILLAGE_TEST_DATABASE_URL"):
        yield given
    elif _containers_wanted():
        from tests.containers import postgresql_container  # imports Docker's client

        with postgresql_container() as database_url:
            yield database_url
    else:
        with (
            temporary_folder() as folder,
            start_postgresql(data_folder=folder, durable=False) as server,
        ):
            yield server.dsn


@contextmanager
def kafka_for_tests() -> Iterator[KafkaAddresses]:
    """`agencies` is empty when only an internal address was given."""
    password = os.environ.get("AIGUILLAGE_TEST_KAFKA_ADMIN_PASSWORD") or secrets.token_hex(16)
    if given := os.environ.get("AIGUILLAGE_TEST_KAFKA"):
        agencies = os.environ.get("AIGUILLAGE_TEST_KAFKA_AGENCIES", "")
        yield KafkaAddresses(internal=given, agencies=agencies, admin_password=password)
    elif _containers_wanted():
        from tests.containers import kafka_container

        with kafka_container(admin_password=password) as (internal, agencies):
            yield KafkaAddresses(internal=internal, agencies=agencies, admin_password=password)
    else:
        with (
            temporary_folder() as folder,
            start_kafka(data_folder=folder, admin_password=password, durable=False) as server,
        ):
            yield KafkaAddresses(
                internal=server.internal, agencies=server.agencies, admin_password=password
            )


def _containers_wanted() -> bool:
    wanted = os.environ.get("AIGUILLAGE_TEST_INFRA", "embedded")
    if wanted not in {"embedded", "containers"}:
        raise ValueError(f"AIGUILLAGE_TEST_INFRA is {wanted!r}: say 'embedded' or 'containers'")
    return wanted == "containers"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="aiguillage-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
