"""PostgreSQL and Kafka as throw-away containers, set like the embedded ones.

The images' names come from the environment, since a machine without a hub makes its own:
AIGUILLAGE_TEST_POSTGRES_IMAGE and AIGUILLAGE_TEST_KAFKA_IMAGE. (Such a machine also sets
testcontainers' own TESTCONTAINERS_RYUK_DISABLED=true, since Ryuk is an image too.)
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from testcontainers.core.container import DockerContainer

from shared.embedded.kafka import kafka_properties, set_admin_password
from shared.embedded.server_process import choose_ports

READY_WITHIN_SECONDS = 90.0


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

    Kafka tells its clients its own address, so the published ports must be the ports it listens
    on; they are chosen here and bound one to one.
    """
    internal, agencies = choose_ports([None, None], "Kafka")
    image = os.environ.get("AIGUILLAGE_TEST_KAFKA_IMAGE", "apache/kafka:4.3.1")
    container = DockerContainer(image).with_bind_ports(internal, internal)
    container = container.with_bind_ports(agencies, agencies)
    properties = kafka_properties(
        log_folder="/tmp/kafka-data",
        host="0.0.0.0",
        internal=internal,
        agencies=agencies,
        controller=9093,
    )
    text = "".join(f"{name}={value}\n" for name, value in properties.items())
    container = container.with_env("AIGUILLAGE_PROPERTIES", text)
    kafka = "/opt/kafka/bin"
    script = (
        'printf %s "$AIGUILLAGE_PROPERTIES" > /tmp/server.properties'
        f" && {kafka}/kafka-storage.sh format -t $({kafka}/kafka-storage.sh random-uuid)"
        " -c /tmp/server.properties"
        f" && exec {kafka}/kafka-server-start.sh /tmp/server.properties"
    )
    with container.with_command(["sh", "-c", script]):
        _wait_for(container, lambda: _answers(internal))
        set_admin_password(f"127.0.0.1:{internal}", admin_password)
        yield f"127.0.0.1:{internal}", f"127.0.0.1:{agencies}"


def _answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


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
