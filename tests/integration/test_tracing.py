"""One trace a call, as a collector receives it: OTLP over HTTP, decoded with OpenTelemetry's own messages."""

import asyncio
import gzip
import json
import re
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from common.env import SettingError
from common.trace import ENDPOINT, Tracing, trace_id, traceparent
from relay.events.tracing import CallTracing
from sim.demo import perform
from sim.live import LiveView
from sim.processes import free_port
from sim.scenario import load
from sim.serving import serving


class Collector:
    """Keeps the spans that arrive."""

    def __init__(self):
        self.spans = []
        self.services = set()

    def app(self):
        app = web.Application()
        app.router.add_post("/v1/traces", self.receive)
        return app

    async def receive(self, request):
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            [service] = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
            self.services.add(service)
            for scope in resource.scope_spans:
                self.spans += [(service, span) for span in scope.spans]
        return web.Response(body=b"", content_type="application/x-protobuf")

    def named(self, name):
        return [span for _, span in self.spans if span.name == name]


def attributes(span):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


@asynccontextmanager
async def collecting():
    collector = Collector()
    async with serving(collector.app()) as url:
        yield collector, url


async def test_relay_and_functions_put_a_call_into_one_trace(tmp_path, monkeypatch):
    """The demo's processes with tracing on: nothing but the CallSid connects them."""
    import io

    from rich.console import Console

    import sim.demo

    async with collecting() as (collector, url):
        for name in ("relay_environment", "functions_environment"):
            made = getattr(sim.demo, name)
            monkeypatch.setattr(sim.demo, name, lambda *a, made=made, **k: {**made(*a, **k), ENDPOINT: url})
        outcome = await perform(load("transfer_busy"), tmp_path, LiveView(Console(file=io.StringIO())))
    assert outcome.failures == ()
    assert collector.services == {"voice-bridge-relay", "voice-bridge-functions"}
    sid = outcome.call.call_sid
    assert {span.trace_id.hex() for _, span in collector.spans} == {trace_id(sid)}

    [root] = collector.named("call")
    assert root.span_id.hex() == traceparent(sid).split("-")[2]
    assert attributes(root)["call.end_reason"] == "transferred"
    [agent] = collector.named("agent front")
    assert agent.parent_span_id == root.span_id
    assert attributes(agent)["gen_ai.provider.name"] == "elevenlabs"
    turns = collector.named("turn")
    assert {span.parent_span_id for span in turns} == {agent.span_id}
    assert not any("turn.text" in attributes(span) for span in turns), "no words of callers"
    assert collector.named("connect")[0].parent_span_id == agent.span_id

    asked = collector.named("GET /exotel/connect")
    assert asked
    assert all(span.parent_span_id == root.span_id for span in asked)
    assert {attributes(span)["http.response.status_code"] for span in asked} == {200}
    assert collector.named("POST /webhook/post-call")
    assert collector.named("POST /relay/events")

    lines = [json.loads(line) for line in (tmp_path / "relay.log").read_text().splitlines()]
    assert {line["trace_id"] for line in lines if line.get("call_sid") == sid} == {trace_id(sid)}
    events = [path.read_text() for path in (tmp_path / "data").glob(f"calls/{sid}/events/*.json")]
    assert events
    assert all(json.loads(event)["traceparent"] == traceparent(sid) for event in events)


ENDED = {
    "type": "call.ended",
    "call_sid": "c1",
    "stream_sid": "s1",
    "started_at": "2026-11-22T14:05:00.000Z",
    "ended_at": "2026-11-22T14:05:20.000Z",
    "ended_by": "relay",
    "end_reason": "agent_failed",
    "agents": [
        {"alias": "front", "vendor": "openai", "started_at": "2026-11-22T14:05:00.000Z",
         "ended_at": "2026-11-22T14:05:08.000Z", "end_reason": "close_1006", "end_detail": "gone"},
        {"alias": "backup", "vendor": "gemini", "started_at": "2026-11-22T14:05:08.000Z", "end_reason": ""},
    ],
    "turns": [
        {"speaker": "agent", "text": "Hello", "offset_ms": 300, "heard_ms": 900, "interrupted": True,
         "answers": "speech", "answer_ms": 700, "agent_ms": 500, "relay_ms": 200},
        {"speaker": "agent", "text": "Hello again", "offset_ms": 9000, "heard_ms": 1000, "interrupted": False},
    ],
    "tools": [{"name": "order_status", "ms": 250, "status": "timeout", "at": "2026-11-22T14:05:04.000Z"}],
    "transfer": None,
    "quality": {"agent_connect_ms": 120, "first_audio_ms": 420},
}  # fmt: skip


async def spans_of(environ, event):
    async with collecting() as (collector, url):
        tracing = CallTracing({ENDPOINT: url, **environ})
        tracing.ended(event)
        await asyncio.to_thread(tracing.close)
    return collector


async def test_a_failover_is_the_next_agent_and_what_was_said_stands_below_who_said_it():
    collector = await spans_of({}, ENDED)
    [front], [backup] = collector.named("agent front"), collector.named("agent backup")
    assert front.status.message == "close_1006 gone"
    assert backup.status.message == ""
    first, second = sorted(collector.named("turn"), key=lambda span: span.start_time_unix_nano)
    assert (first.parent_span_id, second.parent_span_id) == (front.span_id, backup.span_id)
    said = attributes(first)
    assert (said["turn.answer_ms"], said["turn.agent_ms"], said["turn.relay_ms"]) == (700, 500, 200)
    assert said["turn.interrupted"] is True
    assert first.end_time_unix_nano - first.start_time_unix_nano == 900_000_000
    [tool] = collector.named("tool order_status")
    assert tool.parent_span_id == front.span_id
    assert tool.status.message == "timeout"
    assert attributes(tool)["gen_ai.tool.name"] == "order_status"
    [connect] = collector.named("connect")
    assert connect.end_time_unix_nano - connect.start_time_unix_nano == 120_000_000
    assert collector.named("call")[0].status.message == "agent_failed"


async def test_words_are_sent_only_where_they_are_wanted():
    collector = await spans_of({"TRACE_WORDS": "true"}, ENDED)
    assert {attributes(span)["turn.text"] for span in collector.named("turn")} == {"Hello", "Hello again"}


async def test_a_collector_that_is_away_costs_spans_and_nothing_else():
    tracing = CallTracing({ENDPOINT: f"http://127.0.0.1:{free_port()}"})
    tracing.ended(ENDED)
    tracing.ended({"call_sid": "x"})  # nothing that an event may lack makes it raise
    await asyncio.to_thread(tracing._tracing.flush, 0.1)


def test_ids_are_of_the_form_that_w3c_asks_for():
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", traceparent("c1"))
    assert traceparent("c1") != traceparent("c2")


def test_tracing_without_its_libraries_is_one_line(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingError, match=r"OTEL_EXPORTER_OTLP_ENDPOINT='http://x': expected tracing to be installed"):
        Tracing({ENDPOINT: "http://x"}, "service")
