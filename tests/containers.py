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

from shared.embedded.kafka import kafka_properties, set_admin_password
from shared.embedded.server_process import choose_ports

READY_WITHIN_SECONDS = 90.0


@contextmanager
def postgresql_container() -> Iterator[str]:
    """Gives the superuser's address on database `aiguillage`."""
    from testcontainers.core.container import DockerContainer

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
        # Over TCP on purpose: while the image makes the database, it listens on its socket only.
        ready = "psql -h 127.0.0.1 -U aiguillage -d template1 -c"
        extension = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements"
        _wait_for(
            "PostgreSQL",
            lambda: (
                container.exec(
                    ["sh", "-c", f"PGPASSWORD=aiguillage {ready} '{extension}'"]
                ).exit_code
                == 0
            ),
        )
        host, port = container.get_container_host_ip(), container.get_exposed_port(5432)
        yield f"postgresql://aiguillage:aiguillage@{host}:{port}/aiguillage"


@contextmanager
def kafka_container(*, admin_password: str) -> Iterator[tuple[str, str]]:
    """Gives the addresses of the internal and of the agencies' listener.

    Kafka tells its clients its own address, so the published ports must be the ports it listens
    on; they are chosen here and bound one to one.
    """
    from testcontainers.core.container import DockerContainer

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
        _wait_for("Kafka", lambda: _answers(internal))
        set_admin_password(f"127.0.0.1:{internal}", admin_password)
        yield f"127.0.0.1:{internal}", f"127.0.0.1:{agencies}"


def _answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(name: str, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not is_ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the container of {name} is not ready after its time")
        time.sleep(0.3)
