"""Logs: one JSON line each, ids only, whatever was handed to them by mistake."""

import asyncio
import json
import logging
from collections.abc import Iterator

import asyncpg
import pytest
import structlog
from pydantic import BaseModel, ValidationError

from shared.contracts.personal import Visitor
from shared.plumbing.exception_text import describe_exception, text_of
from shared.plumbing.observability import configure_logging, log
from shared.plumbing.sealing import CannotOpen


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_log_is_one_json_line_with_its_service(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(service="router")
    log.info("delivery_parked", case_id="c1", attempt=3)
    (line,) = lines(capsys)
    assert line.pop("at")
    assert line == {
        "event": "delivery_parked",
        "level": "info",
        "service": "router",
        "case_id": "c1",
        "attempt": 3,
    }


def test_fields_that_could_describe_a_person_are_masked_at_any_depth(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(service="intake")
    log.info(
        "request_stored",
        text="Dupont",
        Phone="Dupont",
        given=[{"visitor": {"family_name": "Dupont"}, "headers": {"Authorization": "Dupont"}}],
        case_id="c1",
    )
    written = capsys.readouterr().err
    assert "Dupont" not in written
    assert json.loads(written)["case_id"] == "c1"
    assert json.loads(written)["text"] == "…"


def test_a_level_below_the_chosen_one_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(service="intake", level="warning")
    log.info("request_stored")
    log.warning("request_refused")
    assert [line["event"] for line in lines(capsys)] == ["request_refused"]


def test_libraries_speak_through_the_same_log(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(service="intake")
    logging.getLogger("aiokafka.consumer").info("chatter")
    logging.getLogger("aiokafka.consumer").warning("lost %s", "broker 1")
    logging.getLogger("uvicorn.access").info("GET /api/v1/track/K7M")
    (line,) = lines(capsys)
    assert line["event"] == "library_spoke"
    assert line["library"] == "aiokafka.consumer"
    assert line["says"] == "lost broker 1"


def test_an_error_is_logged_with_its_stack_and_without_its_input(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(service="intake")
    try:
        try:
            Visitor.model_validate({"given_name": {"x": "Dupont"}, "birth_date": "Dupont"})
        except ValidationError as error:
            raise KeyError("Dupont") from error
    except KeyError:
        log.exception("request_failed")
    written = capsys.readouterr().err
    assert "Dupont" not in written
    exception = json.loads(written)["exception"]
    assert exception["type"] == "KeyError"
    assert "test_observability.py" in exception["stack"][0]
    assert exception["because"]["says"] == (
        "Visitor: given_name string_type, birth_date date_from_datetime_parsing"
    )


async def test_what_the_event_loop_says_of_a_failure_names_neither_error_nor_arguments(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(service="intake")
    loop = asyncio.get_running_loop()

    async def fail(_: str) -> None:
        raise ValueError("Dupont")

    forgotten = asyncio.create_task(fail("Dupont"))
    await asyncio.wait([forgotten])
    context = {"message": "Task exception was never retrieved", "task": forgotten}
    # As asyncio does when a failed task is forgotten, or a callback raises.
    asyncio.BaseEventLoop.default_exception_handler(loop, context)  # type: ignore[arg-type]
    asyncio.BaseEventLoop.default_exception_handler(
        loop,  # type: ignore[arg-type]
        {
            "message": "Exception in callback print('Dupont')",
            "exception": ValueError("Dupont"),
            "handle": loop.call_soon(str, "Dupont"),
        },
    )
    forgotten.exception()
    written = capsys.readouterr().err
    assert "Dupont" not in written
    first, second = [json.loads(line) for line in written.splitlines()]
    assert first["says"] == "Task exception was never retrieved"
    assert second["says"] == "Exception in callback print"
    assert second["exception"]["type"] == "ValueError"


def test_an_error_logged_by_a_library_is_stripped_as_well(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(service="intake")
    error = ValueError("Dupont")
    logging.getLogger("asyncio").error("Task failed: %r", error, exc_info=error)
    written = capsys.readouterr().err
    assert "Dupont" not in written
    assert json.loads(written)["exception"]["type"] == "ValueError"


def test_only_texts_known_to_hold_no_personal_data_are_shown() -> None:
    duplicate = asyncpg.UniqueViolationError("duplicate key violates cases_pkey")
    duplicate.sqlstate = "23505"
    duplicate.detail = "Key (phone)=(Dupont) already exists."
    quoting = asyncpg.InvalidTextRepresentationError("invalid input syntax: Dupont")
    quoting.sqlstate = "22P02"

    assert text_of(duplicate) == "23505 duplicate key violates cases_pkey"
    assert text_of(quoting) == "22P02"
    assert text_of(ValueError("Dupont")) is None
    assert text_of(ConnectionRefusedError(111, "refused")) == "[Errno 111] refused"
    assert text_of(CannotOpen("key k1 is not in this key ring")) is not None


def test_a_field_the_sender_invented_is_not_named_in_the_log() -> None:
    class Strict(BaseModel, extra="forbid"):
        known: int = 0

    with pytest.raises(ValidationError) as refused:
        Strict.model_validate({"Dupont": 1, "known": "Dupont"})
    assert "Dupont" not in (text_of(refused.value) or "")


async def test_each_error_of_a_group_is_described() -> None:
    described = describe_exception(ExceptionGroup("Dupont", [ValueError("Dupont"), OSError("x")]))
    assert "Dupont" not in str(described)
    group = described["group"]
    assert isinstance(group, list)
    assert [inner["type"] for inner in group] == ["ValueError", "OSError"]
