"""A call that creates something: done once, however often it is sent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

from shared.contracts.events import derive_id
from shared.plumbing.access import Principal
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, Transaction
from shared.plumbing.idempotency import find_earlier_answer, insert_answer

SCHEMA = "intake"


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
    async with database.transaction() as tx:
        earlier = await find_earlier_answer(
            tx, schema=SCHEMA, principal=call.principal.account, key=call.key, body=call.body
        )
        if earlier is not None:
            return earlier.answer
        answer = await act(tx)
        await insert_answer(
            tx,
            schema=SCHEMA,
            principal=call.principal.account,
            key=call.key,
            body=call.body,
            status=202,
            answer=answer,
            now=clock.now(),
        )
        return answer
