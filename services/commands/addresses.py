"""The ports of one machine's Aiguillage: the defaults, in a row from a number, or any free ones."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import sample

from services.commands.outcome import CommandFailed, WrongUsage

HOST = "127.0.0.1"
SIMULATOR_PORTS = 8
"""The control port and the agencies' servers, one after the other; sncf has two."""
ROW = 16
FREE_PORTS = range(20_000, 32_000, ROW)
"""Where rows begin: below the ports that systems give to outgoing connections."""


@dataclass(frozen=True)
class Ports:
    """Ports of 127.0.0.1; `simulators` is the first of `SIMULATOR_PORTS`."""

    intake: int = 8000
    router: int = 8001
    partner_adapters: int = 8002
    simulators: int = 8100
    kafka: int = 9092
    kafka_agencies: int = 9094
    kafka_controller: int = 9093
    guard: int | None = None
    """Listened on by `up` itself, so that a row of free ports is not chosen twice."""

    def named(self) -> dict[str, int]:
        """Every port that will be opened, by what opens it."""
        return {
            "intake": self.intake,
            "router": self.router,
            "partner adapters": self.partner_adapters,
            "Kafka": self.kafka,
            "Kafka for agencies": self.kafka_agencies,
            "Kafka's controller": self.kafka_controller,
            **{f"simulator {n}": self.simulators + n for n in range(SIMULATOR_PORTS)},
        }


def choose_ports(*, ports_from: int | None, free: bool) -> Ports:
    """The ports asked for on the command line; raises `CommandFailed`."""
    if free and ports_from is not None:
        raise WrongUsage("Either --ports-from or --free-ports, not both.")
    if free:
        return free_ports()
    return row_of_ports(ports_from) if ports_from is not None else Ports()


def row_of_ports(first: int) -> Ports:
    """All ports in a row: three services, Kafka's two, the simulators, Kafka's controller."""
    return Ports(
        intake=first,
        router=first + 1,
        partner_adapters=first + 2,
        kafka=first + 3,
        kafka_agencies=first + 4,
        kafka_controller=first + 13,
        simulators=first + 5,
    )


def free_ports() -> Ports:
    """A row of ports that are free now; raises `CommandFailed` when none is found."""
    rows = list(FREE_PORTS)
    for first in sample(rows, len(rows)):
        ports = replace(row_of_ports(first), guard=first + ROW - 1)
        if not list_taken(range(first, first + ROW)):
            return ports
    raise CommandFailed(f"No row of free ports on {HOST}.", hint="Give one with --ports-from.")


@contextmanager
def guarded(ports: Ports) -> Iterator[None]:
    """Hold the row of ports for as long as this lasts, whether they are open already or not.

    Raises `CommandFailed` when somebody else took the row in the meantime.
    """
    with socket.socket() as guard:
        if ports.guard is not None:
            try:
                guard.bind((HOST, ports.guard))
            except OSError as error:
                raise CommandFailed(
                    f"The ports from {ports.intake} were taken meanwhile.", hint="Start again."
                ) from error
            guard.listen(1)
        yield


def refuse_taken(ports: Ports) -> None:
    """Raise `CommandFailed` naming each port that another program holds."""
    taken = set(list_taken(ports.named().values()))
    named = [f"{port} ({name})" for name, port in ports.named().items() if port in taken]
    if named:
        raise CommandFailed(
            f"Ports of {HOST} taken by another program: {', '.join(named)}.",
            hint="Stop that program, or use other ports: --ports-from 18000, or --free-ports.",
        )


def list_taken(ports: Iterable[int]) -> list[int]:
    """Those of these ports on which nothing can listen."""
    return [port for port in ports if not _can_listen(port)]


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True
