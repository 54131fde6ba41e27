"""Dead letters are listed, shown and published again, on a real PostgreSQL and a real Kafka."""

import asyncio
import json
import secrets
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.commands.dead_letters import list_letters, show
from services.commands.outcome import CommandFailed, ExitCode
from services.commands.replay_dead_letters import replay
from shared.plumbing.clock import SystemClock
from shared.plumbing.database import Database
from shared.plumbing.dead_letters import DeadLetter, insert_dead_letters
from shared.plumbing.migrations import migrate
from tests.infrastructure import Infrastructure

TOPIC = f"t-{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
async def letters(infrastructure: Infrastructure, database_url: str) -> None:
    await migrate(database_url)
    admin = AIOKafkaAdminClient(bootstrap_servers=infrastructure.kafka_internal)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    await admin.close()
    database = await Database.connect(database_url, application="test")
    for schema, value in (("intake", b"first"), ("router", b"second"), ("router", None)):
        async with database.transaction() as tx:
            letter = DeadLetter(
                consumer=schema,
                topic=TOPIC,
                partition=0,
                offset=len(value or b""),
                key=b"case",
                headers=[("ce_id", "é"), ("raw", "base64:/w=="), ("gone", None)],
                value=value,
                error="MalformedEvent: header ce_id",
            )
            await insert_dead_letters(tx, schema=schema, letters=[letter], now=SystemClock().now())
    await database.close()


@pytest.fixture(autouse=True)
def environment(
    infrastructure: Infrastructure,
    database_url: str,
    letters: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIGUILLAGE_DATABASE_URL", database_url)
    monkeypatch.setenv("AIGUILLAGE_KAFKA", infrastructure.kafka_internal)


async def printed(capsys: pytest.CaptureFixture[str], command: Any, *args: Any, **how: Any) -> Any:
    await asyncio.to_thread(command, *args, **how, as_json=True)
    return json.loads(capsys.readouterr().out)


async def test_letters_of_all_schemas_are_listed_without_their_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = await printed(capsys, list_letters, replayed=False)
    assert [row["letter"] for row in rows] == ["intake/1", "router/1", "router/2"]
    assert [row["size"] for row in rows] == [5, 6, None]
    assert all("value" not in row for row in rows)


async def test_a_letter_is_shown_with_its_headers_and_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    letter = await printed(capsys, show, "router/1")
    assert letter["headers"][0] == ["ce_id", "é"]
    assert letter["error"] == "MalformedEvent: header ce_id"
    assert "value" not in letter


async def test_a_letter_that_is_not_there_fails_and_a_wrong_name_is_wrong_usage() -> None:
    with pytest.raises(CommandFailed, match="no dead letter") as missing:
        await asyncio.to_thread(show, "intake/99", as_json=True)
    assert missing.value.code is ExitCode.FAILED
    with pytest.raises(CommandFailed) as wrong:
        await asyncio.to_thread(show, "public.cases/1; DROP", as_json=True)
    assert wrong.value.code is ExitCode.USAGE


async def test_nothing_named_and_everything_named_are_both_refused() -> None:
    for names, everything in (([], False), (["intake/1"], True)):
        with pytest.raises(CommandFailed) as refused:
            await asyncio.to_thread(replay, names, everything=everything, by="me", as_json=True)
        assert refused.value.code is ExitCode.USAGE


async def test_all_letters_are_published_as_they_came_and_no_longer_wait(
    capsys: pytest.CaptureFixture[str], infrastructure: Infrastructure
) -> None:
    replayed = await printed(capsys, replay, [], everything=True, by="operator")
    assert [row["replayed"] for row in replayed] == ["intake/1", "router/1", "router/2"]
    async with AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=infrastructure.kafka_internal,
        auto_offset_reset="earliest",
    ) as consumer:
        messages = [await asyncio.wait_for(consumer.getone(), 30) for _ in range(3)]
    assert [message.value for message in messages] == [b"first", b"second", None]
    assert {message.key for message in messages} == {b"case"}
    assert messages[0].headers == (("ce_id", "é".encode()), ("raw", b"\xff"))
    assert await printed(capsys, list_letters, replayed=False) == []
    noted = await printed(capsys, list_letters, replayed=True)
    assert {row["replayed_by"] for row in noted} == {"operator"}
    assert await printed(capsys, replay, [], everything=True, by="operator") == []


async def test_a_database_that_does_not_answer_is_exit_code_3(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIGUILLAGE_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    with pytest.raises(CommandFailed) as unreachable:
        await asyncio.to_thread(list_letters, replayed=False, as_json=True)
    assert unreachable.value.code is ExitCode.UNREACHABLE
