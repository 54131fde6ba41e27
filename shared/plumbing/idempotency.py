"""A creating call that is repeated gets the first answer again, even when both come at once.

Keys belong to a principal. The body is compared as it came, byte for byte. Nothing is kept of key
and body but hashes; the answer is text, sealed by the caller when it holds a secret.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.plumbing.clock import Clock
from shared.plumbing.database import Database, Row, Transaction
from shared.plumbing.problem_details import Problem

_RETRY_AFTER_SECONDS = "1"


@dataclass(frozen=True)
class EarlierAnswer:
    """What was answered the first time."""

    status: int
    answer: str


@dataclass(frozen=True)
class KeyedCall:
    """A creating call as it is recognised: whose it is, under which key, with which bytes."""

    principal: str
    key: str = field(repr=False)
    body: bytes = field(repr=False)


async def answer_once(
    call: KeyedCall,
    act: Callable[[Transaction], Awaitable[str]],
    *,
    schema: str,
    database: Database,
    clock: Clock,
    status: int = 202,
) -> str:
    """Run `act` in a transaction and keep its answer, or give the answer kept.

    Raises `Problem` 409 while the first call is in flight, 422 when its body was another.
    """
    async with database.transaction() as tx:
        [earlier] = await find_earlier_answers(tx, schema=schema, calls=[call])
        if earlier is not None:
            return earlier.answer
        answer = await act(tx)
        await insert_answers(
            tx, schema=schema, status=status, answers=[(call, answer)], now=clock.now()
        )
        return answer


async def find_earlier_answers(
    tx: Transaction, *, schema: str, calls: Sequence[KeyedCall]
) -> list[EarlierAnswer | None]:
    """The first answer to each call, or None: then this transaction alone may give it.

    One statement; the locks it takes last until the transaction ends. Raises `Problem` 422 when
    a key came with another body and 409 when its first call is still in flight.
    """
    rows = await tx.fetch(
        f"""
        SELECT pg_try_advisory_xact_lock(call.lock) AS alone, k.body_hash, k.status, k.answer
        FROM unnest($1::bigint[], $2::text[], $3::bytea[])
            WITH ORDINALITY AS call (lock, principal, key_hash, position)
        LEFT JOIN {schema}.idempotency_keys k USING (principal, key_hash)
        ORDER BY call.position
        """,
        [_lock_number(schema, call) for call in calls],
        [call.principal for call in calls],
        [_hash(call.key) for call in calls],
    )
    return [_earlier_answer(row, call) for row, call in zip(rows, calls, strict=True)]


async def insert_answers(
    tx: Transaction,
    *,
    schema: str,
    status: int,
    answers: Sequence[tuple[KeyedCall, str]],
    now: datetime,
) -> None:
    """Keep the answers; raises `Problem` 409 when another call gave one in the meantime.

    That happens when the other committed between this transaction's look-up and its lock. The
    problem must end the transaction, so that nothing is created twice.
    """
    inserted = await tx.execute(
        f"""
        INSERT INTO {schema}.idempotency_keys
            (principal, key_hash, body_hash, status, answer, created_at)
        SELECT principal, key_hash, body_hash, $5, answer, $6
        FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::text[])
            AS a (principal, key_hash, body_hash, answer)
        ON CONFLICT (principal, key_hash) DO NOTHING
        """,
        [call.principal for call, _ in answers],
        [_hash(call.key) for call, _ in answers],
        [hashlib.sha256(call.body).digest() for call, _ in answers],
        [answer for _, answer in answers],
        status,
        now,
    )
    if inserted != f"INSERT 0 {len(answers)}":
        raise call_in_flight()


def _earlier_answer(row: Row, call: KeyedCall) -> EarlierAnswer | None:
    if row["status"] is not None:
        if row["body_hash"] != hashlib.sha256(call.body).digest():
            raise _other_body()
        return EarlierAnswer(status=row["status"], answer=row["answer"])
    if not row["alone"]:
        raise call_in_flight()
    return None


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _lock_number(schema: str, call: KeyedCall) -> int:
    digest = hashlib.sha256(f"{schema}\x1f{call.principal}\x1f{call.key}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _other_body() -> Problem:
    return Problem(
        422,
        "Cette clé a déjà servi pour une autre demande.",
        code="idempotency-key-reused",
        detail="Utilisez une nouvelle clé (Idempotency-Key) pour une nouvelle demande.",
    )


def call_in_flight() -> Problem:
    """The 409 of a call whose first time is not answered yet."""
    return Problem(
        409,
        "La même demande est en cours de traitement.",
        code="idempotency-key-in-flight",
        detail="Réessayez dans un instant avec la même clé.",
        headers={"Retry-After": _RETRY_AFTER_SECONDS},
    )
