"""`aiguillage dead-letters replay`: publish again what could not be handled, as it came.

Done twice it is harmless: consumers know the events they have handled. A letter that still cannot
be handled becomes a new one.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from services.commands import where
from services.commands.dead_letters import get_letter, list_all, open_database, parse_letter
from services.commands.outcome import NotReachable, WrongUsage
from services.commands.printing import print_rows
from shared.plumbing.clock import SystemClock

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

    from shared.plumbing.database import Row

SECONDS_TO_TAKE = 15
SECONDS_TO_STOP = 5


def replay(letters: Sequence[str], *, everything: bool, by: str, as_json: bool) -> None:
    """Publish these letters, or all that wait; prints what was replayed.

    Raises `CommandFailed`; what was replayed before is noted as such.
    """
    if everything == bool(letters):
        raise WrongUsage("Say which letters to replay, or --all.")
    replayed = asyncio.run(_replay(letters, by=by))
    print_rows(
        [{"replayed": name, "topic": topic} for name, topic in replayed],
        columns=["replayed", "topic"],
        as_json=as_json,
    )


async def _replay(letters: Sequence[str], *, by: str) -> list[tuple[str, str]]:
    waiting = [row for row in await list_all(replayed=False) if _is_topic(str(row["topic"]))]
    names = letters or [str(row["letter"]) for row in waiting]
    rows = [(name, await get_letter(*parse_letter(name))) for name in names]
    for name, row in rows:
        if not _is_topic(row["topic"]):
            raise WrongUsage(f"{name} was polled, not read from a topic: it cannot be replayed.")
    replayed: list[tuple[str, str]] = []
    async with _producer(where.kafka()) as producer:
        for name, row in rows:
            await _publish(producer, row)
            await _note(name, by=by)
            replayed.append((name, str(row["topic"])))
    return replayed


def _is_topic(name: str) -> bool:
    """What a partner's list said is kept under a name that no topic can have."""
    return " " not in name


async def _publish(producer: "AIOKafkaProducer", row: "Row") -> None:
    from aiokafka.errors import KafkaError

    try:
        async with asyncio.timeout(SECONDS_TO_TAKE):
            await producer.send_and_wait(
                row["topic"],
                key=row["key"],
                value=row["value"],
                headers=original_headers(row["headers"]),
            )
    except (KafkaError, TimeoutError) as error:
        raise NotReachable(
            f"Kafka did not take a letter: {type(error).__name__}.",
            hint="Run it again: what is replayed already is not listed any more.",
        ) from error


async def _note(letter: str, *, by: str) -> None:
    from shared.plumbing.dead_letters import mark_replayed

    schema, letter_id = parse_letter(letter)
    async with open_database() as database:
        await mark_replayed(
            database, schema=schema, letter_id=letter_id, by=by, now=SystemClock().now()
        )


@asynccontextmanager
async def _producer(kafka: str) -> "AsyncIterator[AIOKafkaProducer]":
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    try:
        try:
            async with asyncio.timeout(SECONDS_TO_TAKE):
                await producer.start()
        except (KafkaError, TimeoutError) as error:
            raise NotReachable(
                f"No answer from Kafka at {kafka}: {type(error).__name__}.",
                hint="Is it started? Is AIGUILLAGE_KAFKA right?",
            ) from error
        yield producer
    finally:
        # It would wait for a broker that is gone.
        await asyncio.wait({asyncio.ensure_future(producer.stop())}, timeout=SECONDS_TO_STOP)


def original_headers(kept: Sequence[tuple[str | None, str | None]]) -> list[tuple[str, bytes]]:
    """The headers as they came, but for null ones: those make a message unreadable."""
    return [
        (name, _bytes_of(value)) for name, value in kept if name is not None and value is not None
    ]


def _bytes_of(value: str) -> bytes:
    if value.startswith("base64:"):
        return base64.b64decode(value.removeprefix("base64:"))
    return value.encode()
