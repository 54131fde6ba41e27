"""Around every request: its trace, its metrics, headers that protect, and no error unanswered."""

from collections.abc import Iterable
from time import perf_counter
from uuid import uuid4

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.plumbing.observability import log
from shared.plumbing.problem_details import Problem, problem_response
from shared.plumbing.tracing import accepted_trace, current_trace, span

_REQUESTS = Counter(
    "aiguillage_http_requests",
    "Requests answered",
    ["service", "route", "method", "status"],
)
_DURATION = Histogram(
    "aiguillage_http_request_duration_seconds",
    "From the request's first byte to the first byte of its answer",
    ["service", "route", "method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TRACE_HEADERS = (b"traceparent", b"tracestate")
_PROTECTING = (
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; "
        b"object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class Observation:
    """The outermost ASGI middleware of a door."""

    def __init__(self, app: ASGIApp, *, service: str) -> None:
        self._app = app
        self._service = service
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        started = False

        async def observed(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = list(_with_protection(message.get("headers", ())))
                self._count(scope, status=message["status"], began=began)
            await send(message)

        with span("http_request", trace=_given_trace(scope)):
            try:
                await self._app(scope, receive, observed)
            except Exception as error:
                error_id = uuid4()
                log.error(
                    "request_failed",
                    error_id=str(error_id),
                    route=_route(scope),
                    method=_method(scope),
                    exc_info=error,
                    **current_trace(),
                )
                if started:
                    raise  # half an answer is out: only cutting the line tells the client
                await problem_response(Problem(500, instance=error_id))(scope, receive, observed)

    def _count(self, scope: Scope, *, status: int, began: float) -> None:
        key = (_route(scope), _method(scope), status)
        series = self._series.get(key)
        if series is None:  # looking labels up costs more than counting
            route, method, _ = key
            series = self._series[key] = (
                _REQUESTS.labels(self._service, route, method, str(status)),
                _DURATION.labels(self._service, route, method),
            )
        requests, duration = series
        requests.inc()
        duration.observe(perf_counter() - began)


def _route(scope: Scope) -> str:
    """The template of the route, never the path: `/api/v1/cases/{case_id}`."""
    included = scope.get("fastapi", {}).get("effective_route_context")
    path = getattr(included or scope.get("route"), "path_format", None)
    return path if isinstance(path, str) else "other"


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def _given_trace(scope: Scope) -> dict[str, str]:
    return accepted_trace(
        {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in _TRACE_HEADERS
        }
    )


def _with_protection(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    """A route may set its own policy; answers in JSON are about people and are not kept."""
    named = {name.lower(): value for name, value in headers}
    yield from headers
    for name, value in _PROTECTING:
        if name not in named:
            yield name, value
    if b"json" in named.get(b"content-type", b"") and b"cache-control" not in named:
        yield b"cache-control", b"no-store"
