"""Spans as OpenTelemetry's SDK makes them of ours: ids that follow from the CallSid, times, kinds, errors."""

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode

from common.trace import ENDPOINT, Tracing, enabled, trace_id, traceparent


class Exporter(SpanExporter):
    """Keeps what would be sent, and where to."""

    made = ()

    def __init__(self, endpoint, timeout):
        self.where, self.sent = (endpoint, timeout), []
        type(self).made = (*self.made, self)

    def export(self, spans):
        self.sent += spans
        return SpanExportResult.SUCCESS


@pytest.fixture
def tracing(monkeypatch):
    monkeypatch.setattr(trace_exporter, "OTLPSpanExporter", Exporter)
    monkeypatch.setattr(Exporter, "made", ())
    opened = []

    def open_(**environ):
        opened.append(Tracing({ENDPOINT: "http://collector:4318/", **environ}, "voice-bridge-relay"))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


def sent(traces):
    traces.flush(5.0)
    return Exporter.made[-1].sent


def ids(span):
    parent = span.parent.span_id if span.parent else 0
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}", f"{parent:016x}"


def test_all_spans_of_a_call_are_one_trace_whoever_sends_them(tracing):
    """The functions know the root's id without having heard of it: it follows from the CallSid."""
    traces = tracing()
    root = traces.span("call", 10, 90, parent=traces.of_call("c1", root=True), attributes={}, root_of="c1")
    traces.span("agent", 20, 80, parent=root, attributes={"a": 1, "b": None})
    traces.span("request", 30, 40, parent=Tracing.of_call("c1"), attributes={})
    call, agent, request = sent(traces)
    _, trace, span, _ = traceparent("c1").split("-")
    assert trace == trace_id("c1")
    assert ids(call)[:2] == (trace, span)
    assert {ids(one)[0] for one in (agent, request)} == {trace}
    assert {ids(one)[2] for one in (agent, request)} == {span}
    assert len({ids(one)[1] for one in (call, agent, request)}) == 3
    assert ids(call)[2] not in {span, "0" * 16}, "its parent is no span that exists"
    assert [one.kind for one in (call, agent, request)] == [SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.INTERNAL]
    assert dict(agent.attributes) == {"a": 1}
    assert (agent.start_time, agent.end_time) == (20, 80)


def test_two_calls_are_two_traces(tracing):
    traces = tracing()
    for call_sid in ("c1", "c2"):
        traces.span("call", 0, 1, parent=traces.of_call(call_sid, root=True), attributes={}, root_of=call_sid)
    one, other = sent(traces)
    assert not {*ids(one)} & {*ids(other)}


def test_an_error_is_marked_and_not_endless(tracing):
    traces = tracing()
    for error in ("", "x" * 400):
        traces.span("s", 5, 3, parent=Tracing.of_call("c"), attributes={}, error=error)
    good, bad = sent(traces)
    assert (good.status.status_code, good.status.description) == (StatusCode.UNSET, None)
    assert (bad.status.status_code, bad.status.description) == (StatusCode.ERROR, "x" * 300)
    assert (good.start_time, good.end_time) == (5, 5), "a clock that was put back makes no negative span"


@pytest.mark.parametrize(
    ("environ", "service"), [({}, "voice-bridge-relay"), ({"OTEL_SERVICE_NAME": "mumbai"}, "mumbai")]
)
def test_it_sends_to_the_collector_under_its_own_name(tracing, environ, service):
    traces = tracing(**environ)
    traces.span("s", 0, 1, parent=Tracing.of_call("c"), attributes={})
    [span] = sent(traces)
    assert Exporter.made[-1].where == ("http://collector:4318/v1/traces", 10)
    assert span.resource.attributes["service.name"] == service
    assert span.instrumentation_scope.name == "exotel-agent-bridge"


@pytest.mark.parametrize(("environ", "words"), [({}, False), ({"TRACE_WORDS": "true"}, True)])
def test_words_are_sent_only_if_wanted(tracing, environ, words):
    assert tracing(**environ).words is words


@pytest.mark.parametrize(("environ", "on"), [({}, False), ({ENDPOINT: " "}, False), ({ENDPOINT: "http://c"}, True)])
def test_it_is_on_where_a_collector_is_named(environ, on):
    assert enabled(environ) is on


def test_what_waits_is_sent_at_the_end(tracing):
    traces = tracing()
    traces.span("s", 0, 1, parent=Tracing.of_call("c"), attributes={})
    traces.close()
    assert len(Exporter.made[-1].sent) == 1
