"""Server-sent events: everything that happens at one's own site, once, in an order that holds."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from services.intake.event_feed import MOST_STREAMS, EventFeed
from services.intake.timeline_store import News, Position
from shared.contracts.events import derive_id
from tests.integration.intake.rig import MORNING, TOKENS, Door, serving, settings_for
from tests.integration.intake.test_a_case_s_life import hear
from tests.unit.intake.updates import delivered, routed


@dataclass
class Event:
    id: str
    data: dict[str, Any]


class Stream:
    """An EventSource of a test."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def next(self) -> Event:
        """The next event; heartbeats and the retry hint are passed over."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(20):
            while True:
                line = (await self._answer.content.readline()).decode().rstrip("\n")
                if line.startswith(":"):
                    continue
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    return Event(id=fields["id"], data=json.loads(fields["data"]))
                else:
                    assert not self._answer.content.at_eof(), "the stream ended"

    async def skip_to(self, case_id: str, kind: str) -> Event:
        while True:
            event = await self.next()
            if (event.data["case_id"], event.data["kind"]) == (case_id, kind):
                return event


@contextlib.asynccontextmanager
async def following(
    door: Door, *, who: str = "client-19", after: str | None = None
) -> AsyncIterator[Stream]:
    headers = {"Authorization": f"Bearer {TOKENS.get(who, who)}"}
    if after is not None:
        headers["Last-Event-ID"] = after
    async with door.http.get(f"{door.url}/api/v1/events", headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield Stream(answer)


async def test_a_new_case_and_what_becomes_of_it_are_told_at_once(door: Door) -> None:
    async with following(door) as stream:
        accepted = await door.submit()
        first = await stream.next()
        assert (first.data["case_id"], first.data["kind"], first.data["status"]) == (
            accepted["case_id"],
            "request.submitted",
            "received",
        )
        await hear(door, routed("caf", case_id=UUID(accepted["case_id"])))
        second = await stream.next()
        assert (second.data["kind"], second.data["status"]) == ("case.routed", "with_agencies")
        assert "Zywanowska" not in str(first.data) + str(second.data)


async def test_another_site_s_events_are_not_told(door: Door) -> None:
    async with following(door) as stream:
        await door.submit(who="client-3", site_id="mairie-3")
        mine = await door.submit()
        assert (await stream.next()).data["case_id"] == mine["case_id"]


async def test_a_stream_resumes_after_the_last_event_seen(door: Door) -> None:
    async with following(door) as stream:
        await door.submit()
        seen = await stream.next()
    missed = [(await door.submit())["case_id"] for _ in range(3)]
    async with following(door, after=seen.id) as stream:
        live = (await door.submit())["case_id"]
        assert [(await stream.next()).data["case_id"] for _ in range(4)] == [*missed, live]


async def test_what_commits_late_is_not_skipped(door: Door, database_url: str) -> None:
    """Ids are drawn at insertion, not at commit: the slower transaction has the lower one."""
    slow_case, fast_case = [UUID((await door.submit())["case_id"]) for _ in range(2)]
    connection = await asyncpg.connect(database_url)
    try:
        async with following(door) as stream:
            slow = connection.transaction()
            await slow.start()
            await connection.execute(
                """
                INSERT INTO intake.timeline
                    (event_id, case_id, site_id, kind, at, recorded_at, facts)
                VALUES ($1, $2, 'pimms-19', 'slow', $3, $3, '{}')
                """,
                uuid4(),
                slow_case,
                door.clock.now(),
            )
            await hear(door, routed("caf", case_id=fast_case))
            with_fast_committed = asyncio.create_task(stream.next())
            await asyncio.sleep(1.2)  # two looks of the tailer
            assert not with_fast_committed.done(), "nothing passes a transaction still open"
            await slow.commit()
            first, second = await with_fast_committed, await stream.next()
        assert [first.data["kind"], second.data["kind"]] == ["slow", "case.routed"]
    finally:
        await connection.close()


async def test_another_replica_s_events_are_told_too(door: Door, database_url: str) -> None:
    async with (
        serving(settings_for(database_url), clock=door.clock, database=door.database) as replica,
        following(replica) as stream,
    ):
        accepted = await door.submit()
        assert (await stream.next()).data["case_id"] == accepted["case_id"]


async def test_many_listeners_get_every_event_once_and_in_the_same_order(door: Door) -> None:
    async with contextlib.AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(following(door)) for _ in range(5)]
        cases = [UUID((await door.submit())["case_id"]) for _ in range(4)]
        await hear(door, *(routed("caf", case_id=case_id) for case_id in cases))
        await hear(door, *(delivered("caf", case_id=case_id) for case_id in cases))
        told = [[(await stream.next()).id for _ in range(12)] for stream in streams]
    assert len(set(told[0])) == 12
    assert told == [told[0]] * 5


async def test_an_event_id_from_before_a_restore_does_not_silence_the_stream(door: Door) -> None:
    async with following(door, after="9000000000000000000-1") as stream:
        accepted = await door.submit()
        assert (await stream.next()).data["case_id"] == accepted["case_id"]


async def test_an_event_id_that_is_not_ours_is_refused(door: Door) -> None:
    answer = await door.call("GET", "/api/v1/events", headers={"Last-Event-ID": "12"})
    assert answer.status == 422


async def test_one_account_follows_only_so_many_times_at_once(door: Door) -> None:
    async with contextlib.AsyncExitStack() as streams:
        opened = [await streams.enter_async_context(following(door)) for _ in range(MOST_STREAMS)]
        await door.submit()
        for stream in opened:
            await stream.next()
        refused = await door.call("GET", "/api/v1/events")
        assert refused.status == 429
        assert int(refused.headers["Retry-After"]) > 0
        async with following(door, who="client-3"):
            pass


async def test_streams_opened_all_at_once_are_counted_too(door: Door) -> None:
    feed = EventFeed(database=door.database)
    told = [
        feed.follow("pimms-19", account="amina", after=None, heartbeat=0.01)
        for _ in range(MOST_STREAMS + 3)
    ]
    ended = object()
    first = await asyncio.gather(*(anext(each, ended) for each in told))
    assert first.count(ended) == 3
    assert len(feed._listeners) == MOST_STREAMS
    for each in told:
        await each.aclose()
    assert not feed._listeners


async def test_nobody_follows_without_a_token(door: Door) -> None:
    assert (await door.call("GET", "/api/v1/events", who=None)).status == 401


async def test_a_quiet_line_beats_and_a_slow_client_is_let_go(door: Door) -> None:
    feed = EventFeed(database=door.database)
    running = asyncio.create_task(feed.run())
    try:
        told = feed.follow("pimms-19", account="amina", after=None, heartbeat=0.01)
        assert await anext(told) is None
        (listener,) = feed._listeners
        for number in range(2000):
            listener.offer(_news(number))
        rest = [news async for news in told]
        assert rest == [], "the client comes back and resumes from the last event it got"
        assert not feed._listeners
    finally:
        running.cancel()


def _news(number: int) -> News:
    return News(
        position=Position(2**40, number),
        site_id="pimms-19",
        case_id=derive_id("case", number),
        reference="ABCD-EFGH",
        status="received",
        kind="request.submitted",
        at=MORNING,
        referral_id=None,
        partner_id=None,
        facts={},
    )


async def test_the_stream_ends_with_the_session_so_that_a_lapsed_one_hears_no_more(
    door: Door,
) -> None:
    async with following(door) as stream:
        await door.submit()
        await stream.next()
        door.clock.move(timedelta(minutes=11))
        await door.submit()
        await stream.next()
        async with asyncio.timeout(20):
            rest = await stream._answer.content.read()
        assert rest.strip() == b""
