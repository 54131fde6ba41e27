"""Spans by OpenTelemetry's SDK, exported by OTLP over HTTP. Imported only when an endpoint is set.

Spans carry a name and ids: no attributes, no exception texts.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.plumbing.tracing import Trace


class TraceExport:
    """One exporter of a process; spans are sent in batches by a thread of its own."""

    def __init__(
        self, *, service: str, endpoint: str, exporter: SpanExporter | None = None
    ) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": service}))
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter or OTLPSpanExporter(endpoint=endpoint, timeout=5))
        )
        self._tracer = self._provider.get_tracer("aiguillage")
        self._propagator = TraceContextTextMapPropagator()

    def current_trace(self) -> dict[str, str]:
        trace: dict[str, str] = {}
        self._propagator.inject(trace)
        return trace

    @contextmanager
    def span(self, name: str, trace: Trace | None) -> Iterator[None]:
        parent = self._propagator.extract(trace) if trace else None
        with self._tracer.start_as_current_span(
            name, context=parent, record_exception=False, set_status_on_exception=False
        ) as opened:
            try:
                yield
            except BaseException as error:
                opened.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def stop(self) -> None:
        """Send what is left and end the thread; waits for the collector at most 5 seconds."""
        self._provider.force_flush(5_000)
        self._provider.shutdown()
