"""A call that creates something: done once, however often it is sent."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.intake import SCHEMA
from shared.contracts.events import derive_id
from shared.plumbing import idempotency
from shared.plumbing.access import Principal
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.idempotency import (
    KeyedCall,
    call_in_flight,
    find_earlier_answers,
    insert_answers,
)


@dataclass(frozen=True)
class CreatingCall:
    """Who asks, under which idempotency key, and the bytes that tell one call from another."""

    principal: Principal
    key: str = field(repr=False)
    body: bytes = field(repr=False)
    """Method, path and body."""

    def derive_id(self, what: str) -> UUID:
        """The id of what this call creates: the same each time it is sent."""
        return derive_id(what, self.principal.account, self.key)


class CallsInFlight:
    """The calls this process is working on; other processes are told apart by a lock."""

    def __init__(self) -> None:
        self._calls: set[tuple[str, str]] = set()

    @contextmanager
    def hold(self, call: CreatingCall) -> Iterator[None]:
        """Work on a call alone; raises `Problem` 409 when the same one is being worked on."""
        name = (call.principal.account, call.key)
        if name in self._calls:
            raise call_in_flight()
        self._calls.add(name)
        try:
            yield
        finally:
            self._calls.discard(name)


async def answer_once(
    call: CreatingCall,
    act: Callable[[Transaction], Awaitable[str]],
    *,
    database: Database,
    clock: Clock,
) -> str:
    """Run `act` in a transaction and keep its answer, or give the answer kept.

    Raises `Problem` 409 while the first call is in flight, 422 when its body was another.
    """
    return await idempotency.answer_once(
        _keyed(call), act, schema=SCHEMA, database=database, clock=clock
    )


async def find_kept_answers(tx: Transaction, calls: Sequence[CreatingCall]) -> list[str | None]:
    """The answer given to each call before; raises `Problem` 409 and 422 as `answer_once`."""
    earlier = await find_earlier_answers(tx, schema=SCHEMA, calls=[_keyed(call) for call in calls])
    return [answer.answer if answer is not None else None for answer in earlier]


async def keep_answers(
    tx: Transaction, answers: Sequence[tuple[CreatingCall, str]], *, now: datetime
) -> None:
    """Keep the answers for when the calls are sent again."""
    await insert_answers(
        tx,
        schema=SCHEMA,
        status=202,
        answers=[(_keyed(call), answer) for call, answer in answers],
        now=now,
    )


def _keyed(call: CreatingCall) -> KeyedCall:
    return KeyedCall(principal=call.principal.account, key=call.key, body=call.body)
