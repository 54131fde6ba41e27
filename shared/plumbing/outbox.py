"""Events leave through a table: written in the transaction that made them true."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shared.contracts.cloudevents import CloudEvent, to_headers
from shared.contracts.events import Event
from shared.plumbing.clock import Clock
from shared.plumbing.database import Transaction

SHARDS = 4
"""Rows of one key are always in one shard, and one relay at a time serves a shard."""


@dataclass(frozen=True)
class OutgoingEvent:
    """An event to publish. `trace` is that of what caused it, so that one trace tells all."""

    topic: str
    event_id: UUID
    data: Event
    trace: Mapping[str, str] = field(default_factory=dict)


class Outbox:
    """Where one service's events wait for its relay.

    Rows of one key are published in the order of their ids. Ids follow commit order for a
    key only if whoever writes holds a lock on what the key names (the case, the referral).
    """

    def __init__(self, *, schema: str, source: str, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._wake_relay: Callable[[], None] | None = None
        self._insert = f"""
            INSERT INTO {schema}.outbox
                (shard, topic, key, event_id, headers, value, created_at)
            SELECT shard, topic, key, event_id, headers, value, $7
            FROM unnest($1::smallint[], $2::text[], $3::text[], $4::uuid[], $5::jsonb[],
                        $6::bytea[])
                WITH ORDINALITY AS r (shard, topic, key, event_id, headers, value, position)
            ORDER BY position
        """

    def on_append(self, wake_relay: Callable[[], None]) -> None:
        """Say whom to wake after a commit that appended events."""
        self._wake_relay = wake_relay

    async def append(self, tx: Transaction, events: Sequence[OutgoingEvent]) -> None:
        """Store events in the order given; they are published after the commit."""
        if not events:
            return
        now = self._clock.now()
        keys = [event.data.subject for event in events]
        await tx.execute(
            self._insert,
            [shard_of(key) for key in keys],
            [event.topic for event in events],
            keys,
            [event.event_id for event in events],
            [
                to_headers(
                    CloudEvent(
                        id=event.event_id,
                        source=self._source,
                        time=now,
                        data=event.data,
                        trace=event.trace,
                    )
                )
                for event in events
            ],
            [event.data.model_dump_json().encode() for event in events],
            now,
        )
        if self._wake_relay is not None:
            tx.after_commit(self._wake_relay)


def shard_of(key: str) -> int:
    """The shard that holds a key's rows; stable across processes and versions."""
    return zlib.crc32(key.encode()) % SHARDS
