"""Logs: ids only. Traces are in `tracing.py`, metrics where they are measured.

Events are static, snake_case and in the past tense (`delivery_parked`), with fields `case_id
referral_id partner_id event_id attempt duration_ms`. Should a field that could hold personal data
slip in, its value is replaced: see `MASKED`.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

import structlog

from shared.plumbing.exception_text import describe_exception

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

MASK = "…"
MASKED = frozenset(
    {
        *("text", "name", "given_name", "family_name", "first_name", "last_name", "birth_date"),
        *("phone", "email", "postcode", "address", "identifiers", "visitor"),
        *("token", "secret", "tracking_secret", "password", "authorization", "cookie"),
        *("sealed", "body", "content", "key_ring", "private_key", "api_key"),
    }
)
"""Fields whose values are never logged, at any depth."""

_QUOTING = re.compile(r"[\n(<\[{'\"]")
_QUIET_LIBRARIES = (
    *("aiokafka", "asyncssh", "faststream", "asyncio", "uvicorn.error", "kafka"),
    "opentelemetry",
)


def configure_logging(
    *,
    service: str,
    level: str = "info",
    log_format: Literal["json", "console"] = "json",
) -> None:
    """Send the logs of this process and of its libraries to standard error, one line each.

    Libraries speak from `warning` on; uvicorn's access log is off (a path may hold a reference).
    """
    lowest = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _AddService(service),
            _render_exception,
            mask_personal_data,
            structlog.dev.ConsoleRenderer()
            if log_format == "console"
            else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=_to_standard_error,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_LibraryLogs()], level=logging.INFO, force=True)
    for library in _QUIET_LIBRARIES:
        logging.getLogger(library).setLevel(max(logging.WARNING, lowest))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "faststream"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").disabled = True


def _to_standard_error(*_: Any) -> structlog.WriteLogger:
    """Looked up for each line: who replaces `sys.stderr` (tests do) is heard."""
    return structlog.WriteLogger(sys.stderr)


class _AddService:
    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        event["service"] = self._service
        return event


class _LibraryLogs(logging.Handler):
    """Hands what a library logs over to structlog, as one static event."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            error = record.exc_info[1] if record.exc_info else None
            log.log(
                record.levelno,
                "library_spoke",
                library=record.name,
                says=_sentence_of(record, about_an_error=error is not None),
                exc_info=error,
            )
        except Exception:  # noqa: BLE001 - a log that fails must not fail what it tells of
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        sys.stderr.write(f'{{"event":"log_lost","library":"{record.name}"}}\n')


def _sentence_of(record: logging.LogRecord, *, about_an_error: bool) -> str:
    """What a library says, but for errors and arguments that it quotes.

    With an exception, which is described beside it, and from the event loop, which shows its
    tasks and handles with whatever they were called with, only the first words are kept.
    """
    if about_an_error or record.name == "asyncio":
        return _QUOTING.split(str(record.msg), maxsplit=1)[0].strip()
    return record.getMessage()


def _render_exception(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()[1]
    elif isinstance(given, tuple):
        given = given[1]
    if isinstance(given, BaseException):
        event["exception"] = describe_exception(given)
    return event


def mask_personal_data(
    _: Any, __: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace the value of every field that must not be logged."""
    for key, value in event.items():
        event[key] = MASK if key.lower() in MASKED else _masked(value)
    return event


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: MASK if str(key).lower() in MASKED else _masked(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value
