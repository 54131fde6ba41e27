"""PostgreSQL and Kafka as throw-away containers, set like the embedded ones.

The images' names come from the environment, since a machine without a hub makes its own:
AIGUILLAGE_TEST_POSTGRES_IMAGE and AIGUILLAGE_TEST_KAFKA_IMAGE. (Such a machine also sets
testcontainers' own TESTCONTAINERS_RYUK_DISABLED=true, since Ryuk is an image too.)
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from testcontainers.core.container import DockerContainer

from shared.embedded.kafka import kafka_properties, set_admin_password

READY_WITHIN_SECONDS = 90.0
INTERNAL_PORT, AGENCIES_PORT, CONTROLLER_PORT = 9092, 9094, 9093
PROPERTIES, GO = "/tmp/server.properties", "/tmp/go"
START_KAFKA = f"""
    until [ -e {GO} ]; do sleep 0.1; done
    cd /opt/kafka/bin
    ./kafka-storage.sh format -t $(./kafka-storage.sh random-uuid) -c {PROPERTIES}
    exec ./kafka-server-start.sh {PROPERTIES}
"""


@contextmanager
def postgresql_container() -> Iterator[str]:
    """Gives the superuser's address on database `aiguillage`."""
    image = os.environ.get("AIGUILLAGE_TEST_POSTGRES_IMAGE", "postgres:18")
    container = (
        DockerContainer(image)
        .with_env("POSTGRES_USER", "aiguillage")
        .with_env("POSTGRES_PASSWORD", "aiguillage")
        .with_env("POSTGRES_DB", "aiguillage")
        .with_exposed_ports(5432)
        .with_command(
            "postgres -c shared_preload_libraries=pg_stat_statements -c max_connections=200 "
            "-c fsync=off -c full_page_writes=off -c timezone=UTC"
        )
    )
    with container:
        _wait_for(container, lambda: _makes_extension(container))
        host, port = container.get_container_host_ip(), container.get_exposed_port(5432)
        yield f"postgresql://aiguillage:aiguillage@{host}:{port}/aiguillage"


def _makes_extension(container: DockerContainer) -> bool:
    """Over TCP on purpose: while the image makes the database, it listens on its socket only."""
    psql = "PGPASSWORD=aiguillage psql -h 127.0.0.1 -U aiguillage -d template1 -c"
    statement = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements"
    return container.exec(["sh", "-c", f"{psql} '{statement}'"]).exit_code == 0


@contextmanager
def kafka_container(*, admin_password: str) -> Iterator[tuple[str, str]]:
    """Gives the addresses of the internal and of the agencies' listener.

    Kafka tells its clients its own address. Docker alone chooses host ports without a race, and
    only as it starts the container; so Kafka is started in it afterwards, knowing them.
    """
    container = DockerContainer(os.environ.get("AIGUILLAGE_TEST_KAFKA_IMAGE", "apache/kafka:4.3.1"))
    container = container.with_exposed_ports(INTERNAL_PORT, AGENCIES_PORT)
    with container.with_command(["sh", "-ec", START_KAFKA]):
        internal, agencies = (
            f"127.0.0.1:{container.get_exposed_port(port)}"
            for port in (INTERNAL_PORT, AGENCIES_PORT)
        )
        properties = kafka_properties(
            log_folder="/tmp/kafka-data",
            host="0.0.0.0",
            internal=INTERNAL_PORT,
            agencies=AGENCIES_PORT,
            controller=CONTROLLER_PORT,
        ) | {"advertised.listeners": f"INTERNAL://{internal},AGENCIES://{agencies}"}
        text = "".join(f"{name}={value}\n" for name, value in properties.items())
        container.copy_into_container(text.encode(), PROPERTIES)
        container.copy_into_container(b"", GO)
        _wait_for(container, lambda: _listens(container))
        set_admin_password(internal, admin_password)
        yield internal, agencies


def _listens(container: DockerContainer) -> bool:
    """Asked inside: outside, Docker's own proxy listens before Kafka does."""
    return container.exec(["bash", "-c", f": < /dev/tcp/127.0.0.1/{INTERNAL_PORT}"]).exit_code == 0


def _wait_for(container: DockerContainer, is_ready: Callable[[], bool]) -> None:
    """Raises RuntimeError with the container's log when it ends or takes too long."""
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while True:
        wrapped = container.get_wrapped_container()
        wrapped.reload()
        if wrapped.status == "exited" or time.monotonic() > deadline:
            log = wrapped.logs(tail=30).decode(errors="replace")
            raise RuntimeError(f"the container of {container.image} is not ready:\n{log}")
        if is_ready():
            return
        time.sleep(0.3)
