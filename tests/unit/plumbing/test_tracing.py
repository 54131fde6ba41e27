"""Tracing: a traceparent always exists inside a span and links child to parent."""

import re

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.plumbing.trace_export import TraceExport
from shared.plumbing.tracing import accepted_trace, configure_tracing, current_trace, span

GIVEN = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "x=1"}


def ids(trace: dict[str, str]) -> tuple[str, str]:
    matched = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}", trace["traceparent"])
    assert matched
    return matched[1], matched[2]


def test_there_is_no_trace_outside_of_a_span() -> None:
    assert current_trace() == {}
    with span("first"):
        assert current_trace()
    assert current_trace() == {}


def test_a_step_inside_a_step_belongs_to_the_same_trace() -> None:
    with span("outer"):
        outer = ids(current_trace())
        with span("inner"):
            inner = ids(current_trace())
        assert ids(current_trace()) == outer
    assert inner[0] == outer[0]
    assert inner[1] != outer[1]


def test_a_step_goes_on_with_the_trace_it_is_given() -> None:
    with span("outer"), span("consumed", trace=GIVEN):
        trace = current_trace()
    assert ids(trace)[0] == "a" * 32
    assert ids(trace)[1] != "b" * 16
    assert trace["tracestate"] == "x=1"


@pytest.mark.parametrize(
    "traceparent",
    ["", "garbage", f"00-{'0' * 32}-{'b' * 16}-01", f"00-{'A' * 32}-{'b' * 16}-01", "00-a-b-01"],
)
def test_a_malformed_trace_is_dropped_and_a_new_one_begun(traceparent: str) -> None:
    assert accepted_trace({"traceparent": traceparent, "tracestate": "x=1"}) == {}
    with span("step", trace={"traceparent": traceparent}):
        assert ids(current_trace())[0] != "a" * 32


def test_a_foreign_state_is_kept_only_when_it_is_of_a_decent_size() -> None:
    assert accepted_trace(GIVEN) == GIVEN
    assert "tracestate" not in accepted_trace(GIVEN | {"tracestate": "x" * 600})


def test_exported_spans_carry_names_and_ids_and_no_text_of_errors() -> None:
    exporter = InMemorySpanExporter()
    export = TraceExport(service="intake", endpoint="http://127.0.0.1:9/", exporter=exporter)
    with pytest.raises(ValueError, match="Dupont"), export.span("route_request", GIVEN):
        trace = export.current_trace()
        raise ValueError("Dupont")
    export.stop()
    (finished,) = exporter.get_finished_spans()
    assert finished.name == "route_request"
    assert ids(trace)[0] == "a" * 32
    assert "Dupont" not in finished.to_json()
    assert "ValueError" in finished.to_json()


def test_tracing_can_be_switched_to_the_exporter_and_back() -> None:
    stop = configure_tracing(service="intake", otlp_endpoint="http://127.0.0.1:9/v1/traces")
    try:
        with span("outer", trace={"traceparent": f"00-{'a' * 32}-{'b' * 16}-00"}):
            assert ids(current_trace())[0] == "a" * 32
    finally:
        configure_tracing(service="intake", otlp_endpoint=None)
        stop()
    with span("by_hand"):
        assert ids(current_trace())
