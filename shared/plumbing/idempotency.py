"""A creating call that is repeated gets the first answer again, even when both come at once.

Keys belong to a principal. The body is compared as it came, byte for byte. Nothing is kept of key
and body but hashes; the answer is text, sealed by the caller when it holds a secret.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from shared.plumbing.database import Transaction
from shared.plumbing.problem_details import Problem

_RETRY_AFTER_SECONDS = "1"


@dataclass(frozen=True)
class EarlierAnswer:
    """What was answered the first time."""

    status: int
    answer: str


async def find_earlier_answer(
    tx: Transaction, *, schema: str, principal: str, key: str, body: bytes
) -> EarlierAnswer | None:
    """The first answer to this key, or None: then this transaction alone may give it.

    One statement; the lock it takes lasts until the transaction ends. Raises `Problem` 422 when
    the key came with another body and 409 when the first call is still in flight.
    """
    row = await tx.fetchrow(
        f"""
        SELECT pg_try_advisory_xact_lock($1) AS alone, earlier.*
        FROM (SELECT) AS always
        LEFT JOIN (
            SELECT body_hash, status, answer FROM {schema}.idempotency_keys
            WHERE principal = $2 AND key_hash = $3
        ) AS earlier ON true
        """,
        _lock_number(schema, principal, key),
        principal,
        _hash(key),
    )
    assert row is not None  # noqa: S101 - a left join on one row gives one row
    if row["status"] is not None:
        if row["body_hash"] != hashlib.sha256(body).digest():
            raise _other_body()
        return EarlierAnswer(status=row["status"], answer=row["answer"])
    if not row["alone"]:
        raise _in_flight()
    return None


async def insert_answer(
    tx: Transaction,
    *,
    schema: str,
    principal: str,
    key: str,
    body: bytes,
    status: int,
    answer: str,
    now: datetime,
) -> None:
    """Keep the answer; raises `Problem` 409 when another call gave one in the meantime.

    That happens when the other committed between this transaction's look-up and its lock. The
    problem must end the transaction, so that nothing is created twice.
    """
    inserted = await tx.execute(
        f"""
        INSERT INTO {schema}.idempotency_keys
            (principal, key_hash, body_hash, status, answer, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (principal, key_hash) DO NOTHING
        """,
        principal,
        _hash(key),
        hashlib.sha256(body).digest(),
        status,
        answer,
        now,
    )
    if inserted == "INSERT 0 0":
        raise _in_flight()


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _lock_number(schema: str, principal: str, key: str) -> int:
    digest = hashlib.sha256(f"{schema}\x1f{principal}\x1f{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _other_body() -> Problem:
    return Problem(
        422,
        "Cette clé a déjà servi pour une autre demande.",
        code="idempotency-key-reused",
        detail="Utilisez une nouvelle clé (Idempotency-Key) pour une nouvelle demande.",
    )


def _in_flight() -> Problem:
    return Problem(
        409,
        "La même demande est en cours de traitement.",
        code="idempotency-key-in-flight",
        detail="Réessayez dans un instant avec la même clé.",
        headers={"Retry-After": _RETRY_AFTER_SECONDS},
    )
