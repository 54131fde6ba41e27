"""W3C trace context, carried from HTTP through outbox and Kafka to the last service.

Without an exporter the ids are made by hand (a few microseconds and no SDK in memory), so that a
`traceparent` always exists and can be logged. With one, OpenTelemetry's SDK makes the spans.
Source: W3C Trace Context, level 1, section 3.2 (version 00).
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

Trace = Mapping[str, str]
"""`{"traceparent": …}`, and `tracestate` when there is one; as in a CloudEvent's `trace`."""

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_TRACESTATE_LENGTH = 512

_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current_trace() -> dict[str, str]:
    """The trace context to hand on; empty outside of any span."""
    return _read_current()


def span(name: str, *, trace: Trace | None = None) -> AbstractContextManager[None]:
    """Do something as one step of a trace: the caller's, else the current one, else a new one.

    `name` is static (`route_request`); nothing of a person goes in.
    """
    return _open_span(name, trace)


def accepted_trace(headers: Mapping[str, str]) -> dict[str, str]:
    """What is usable of a foreign trace context; anything malformed is dropped."""
    traceparent = headers.get("traceparent", "")
    if not _TRACEPARENT.fullmatch(traceparent):
        return {}
    tracestate = headers.get("tracestate", "")
    if not tracestate or len(tracestate) > _TRACESTATE_LENGTH or not tracestate.isascii():
        return {"traceparent": traceparent}
    return {"traceparent": traceparent, "tracestate": tracestate}


def configure_tracing(*, service: str, otlp_endpoint: str | None) -> Callable[[], None]:
    """Export spans by OTLP over HTTP when an endpoint is given; returns what stops it.

    The endpoint is the whole address, for example `http://collector:4318/v1/traces`.
    """
    global _read_current, _open_span  # one tracing per process
    if otlp_endpoint is None:
        _read_current, _open_span = _read_by_hand, _open_by_hand
        return lambda: None
    from shared.plumbing.trace_export import TraceExport  # the SDK costs memory: only when used

    export = TraceExport(service=service, endpoint=otlp_endpoint)
    _read_current, _open_span = export.current_trace, export.span
    return export.stop


def _read_by_hand() -> dict[str, str]:
    return dict(_current.get() or ())


@contextmanager
def _open_by_hand(name: str, trace: Trace | None) -> Iterator[None]:  # noqa: ARG001
    parent = trace or _current.get() or {}
    matched = _TRACEPARENT.fullmatch(parent.get("traceparent", ""))
    trace_id = matched[1] if matched else f"{random.getrandbits(128) or 1:032x}"
    flags = matched[3] if matched else "00"
    span_id = f"{random.getrandbits(64) or 1:016x}"  # to correlate: no secret
    child = {"traceparent": f"00-{trace_id}-{span_id}-{flags}"}
    if matched and "tracestate" in parent:
        child["tracestate"] = parent["tracestate"]
    before = _current.set(child)
    try:
        yield
    finally:
        _current.reset(before)


_read_current: Callable[[], dict[str, str]] = _read_by_hand
_open_span: Callable[[str, Trace | None], AbstractContextManager[None]] = _open_by_hand
