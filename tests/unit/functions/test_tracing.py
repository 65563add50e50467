"""Requests to the functions as spans: which of them, and what a span says. Export is tested elsewhere."""

import time
from types import SimpleNamespace

import pytest

from functions.common import tracing
from functions.common.http import Response, answer, request
from functions.common.tracing import RequestTracing, set_up

BEGAN, NOW = 1_000, 5_000


class Spans:
    """Takes the place of Tracing."""

    def __init__(self, environ, service):
        self.service, self.spans, self.flushed, self.closed = service, [], [], False

    def span(self, name, start_ns, end_ns, *, parent, error, attributes):
        self.spans.append((name, start_ns, end_ns, parent, error, attributes))

    @staticmethod
    def of_call(call_sid):
        return f"of {call_sid}"

    def flush(self, timeout_s):
        self.flushed.append(timeout_s)

    def close(self):
        self.closed = True


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setattr(tracing, "Tracing", Spans)
    monkeypatch.setattr(tracing, "time", SimpleNamespace(time_ns=lambda: NOW, monotonic=time.monotonic))
    return lambda frozen=False: RequestTracing({}, frozen=frozen)


def event(body: bytes):
    return request("POST", "/relay/events", "", {}, body)


def exotel(query: str):
    return request("GET", "/exotel/connect", query)


@pytest.mark.parametrize(
    ("asked", "call_sid"),
    [
        (event(b'{"type": "call.ended", "call_sid": "c1"}'), "c1"),
        (event(b'{"call_sid"\n :\t"Ab.9_z-Z0"}'), "Ab.9_z-Z0"),
        (event(b'{"dynamic_variables": {"call_sid": "' + b"C" * 128 + b'"}}'), "C" * 128),
        (exotel("CallSid=C7&token=x"), "C7"),
    ],
)
def test_a_request_that_names_a_call_is_a_span_below_it(made, asked, call_sid):
    traces = made()
    traces.answered(asked, answer(200, {}), BEGAN)
    said = {"http.request.method": asked.method, "http.route": asked.path, "http.response.status_code": 200}
    name = f"{asked.method} {asked.path}"
    assert traces._tracing.spans == [(name, BEGAN, NOW, f"of {call_sid}", "", {**said, "call.sid": call_sid})]
    assert traces._tracing.service == "voice-bridge-functions"


@pytest.mark.parametrize(
    "asked",
    [
        event(b"{}"),
        event(b'{"call_sid": ""}'),
        event(b'{"call_sid": "a b"}'),
        event(b'{"call_sid": "' + b"C" * 129 + b'"}'),
        event(b'{"call_sid": 5}'),
        exotel("CallFrom=1"),
        exotel('x="call_sid":"c1"'),
    ],
)
def test_a_request_that_names_no_call_is_none(made, asked):
    traces = made(frozen=True)
    traces.answered(asked, answer(200, {}), BEGAN)
    assert (traces._tracing.spans, traces._tracing.flushed) == ([], [])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 413, 415, 429])
def test_a_stranger_whose_request_was_refused_adds_nothing_to_a_call(made, status):
    traces = made()
    traces.answered(event(b'{"call_sid": "c1"}'), Response(status), BEGAN)
    assert traces._tracing.spans == []


@pytest.mark.parametrize(("status", "error"), [(200, ""), (302, ""), (412, ""), (500, "HTTP 500"), (503, "HTTP 503")])
def test_what_we_could_not_do_is_an_error(made, status, error):
    traces = made()
    traces.answered(event(b'{"call_sid": "c1"}'), Response(status), BEGAN)
    [(*_, found, attributes)] = traces._tracing.spans
    assert (found, attributes["http.response.status_code"]) == (error, status)


@pytest.mark.parametrize(("frozen", "flushed"), [(True, [2.0]), (False, [])])
def test_a_process_that_the_platform_freezes_sends_before_it_answers(made, frozen, flushed):
    traces = made(frozen)
    traces.answered(event(b'{"call_sid": "c1"}'), answer(200, {}), BEGAN)
    assert traces._tracing.flushed == flushed


def test_it_is_off_unless_a_collector_is_named(made):
    assert set_up({}, frozen=True) is None
    traces = set_up({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, frozen=True)
    assert traces._frozen
    traces.close()
    assert traces._tracing.closed
