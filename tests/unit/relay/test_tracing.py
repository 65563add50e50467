"""The spans that are made of a call's end: their names, times, parents and errors. Export is tested elsewhere."""

import pytest

from relay.events import tracing

START = 1_795_428_000_000_000_000
S, MS = 1_000_000_000, 1_000_000


def at(second):
    return f"2026-11-23T10:00:{second:06.3f}Z"


class Spans:
    """Takes the place of Tracing."""

    words = False

    def __init__(self, environ, service):
        self.service, self.spans, self.closed = service, [], False

    def span(self, name, start_ns, end_ns, *, parent, attributes, error="", root_of=""):
        known = {key: value for key, value in attributes.items() if value is not None}
        self.spans.append((name, (start_ns - START) / S, (end_ns - START) / S, parent, error, known, root_of))
        return f"in {name}"

    def of_call(self, call_sid, *, root=False):
        return f"{call_sid} {root}"

    def close(self):
        self.closed = True


@pytest.fixture
def calls(monkeypatch):
    monkeypatch.setattr(tracing, "Tracing", Spans)
    return tracing.CallTracing({})


def agent(alias, start, end, reason="ended", **more):
    return {
        "alias": alias,
        "vendor": "echo",
        "started_at": at(start),
        "ended_at": at(end),
        "end_reason": reason,
        **more,
    }


def turn(offset_ms, **more):
    return {"speaker": "agent", "text": "Hello", "offset_ms": offset_ms, **more}


def ended(**more):
    return {
        **{"call_sid": "c", "stream_sid": "s", "started_at": at(0), "ended_at": at(20)},
        **{"end_reason": "agent_ended", "ended_by": "agent", "agents": [], "turns": [], "tools": [], "quality": {}},
        **more,
    }


def spans_of(calls, **more):
    calls.ended(ended(**more))
    return calls._tracing.spans


@pytest.mark.parametrize(
    ("by", "reason", "error"),
    [("agent", "agent_ended", ""), ("caller", "caller_hung_up", ""), ("relay", "agent_failed", "agent_failed")]
    + [("line", "line_lost", "line_lost"), ("operator", "operator_ended", "")],
)
def test_the_root_is_the_whole_call_and_an_error_if_it_ended_badly(calls, by, reason, error):
    [root] = spans_of(calls, ended_by=by, end_reason=reason, quality={"gaps": 3, "first_audio_ms": None})
    name, start, end, parent, failed, attributes, root_of = root
    assert (name, start, end, parent, failed, root_of) == ("call", 0, 20, "c True", error, "c")
    assert attributes == {
        **{"call.sid": "c", "call.stream_sid": "s", "call.end_reason": reason, "call.ended_by": by, "call.gaps": 3}
    }


@pytest.mark.parametrize(
    ("reason", "detail", "error"),
    [("ended", "x", ""), ("transferred", "", ""), ("caller_hung_up", "", ""), ("", "", "")]
    + [("close_1006", "gone", "close_1006 gone"), ("stopped", "", "stopped")],
)
def test_an_agent_is_an_error_if_it_failed(calls, reason, detail, error):
    _, found = spans_of(calls, agents=[agent("desk", 1, 9, reason, end_detail=detail, id="a1", conversation_id="")])
    assert found[:5] == ("agent desk", 1, 9, "in call", error)
    assert found[5] == {
        **{"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "echo", "gen_ai.agent.name": "desk"},
        **{"gen_ai.agent.id": "a1"},
    }


def test_an_agent_without_times_has_those_of_the_call(calls):
    _, found = spans_of(calls, agents=[{"alias": "desk"}])
    assert found[1:3] == (0, 20)


@pytest.mark.parametrize(("start", "connects"), [(0.5, True), (1.5, False)])
def test_the_time_of_connecting_is_the_first_agent_s(calls, start, connects):
    spans = spans_of(calls, agents=[agent("desk", start, 9)], quality={"agent_connect_ms": 120})
    found = [span[1:4] for span in spans if span[0] == "connect"]
    assert found == ([(start, start + 0.12, "in agent desk")] if connects else [])


def test_without_a_time_of_connecting_there_is_no_such_span(calls):
    assert [span[0] for span in spans_of(calls, agents=[agent("desk", 0, 9)])] == ["call", "agent desk"]


def test_what_was_said_stands_below_the_agent_that_had_the_call(calls):
    spans = spans_of(
        calls,
        agents=[agent("front", 1, 5), agent("back", 5, 20)],
        turns=[turn(500), turn(1000, heard_ms=900), turn(5000, heard_ms=1)],
        tools=[{"name": "look", "at": at(4), "ms": 250, "status": "200"}, {"name": "book", "at": at(6), "status": "x"}],
    )
    turns = [span[1:4] for span in spans if span[0] == "turn"]
    assert turns == [(0.5, 0.5, "in call"), (1, 1.9, "in agent front"), (5, 5.001, "in agent back")]
    tools = [(span[0], *span[1:5]) for span in spans if span[0].startswith("tool")]
    assert tools == [("tool look", 4, 4.25, "in agent front", ""), ("tool book", 6, 6, "in agent back", "x")]


@pytest.mark.parametrize(("status", "error"), [("", ""), ("done", ""), ("204", ""), ("500", "500"), ("error", "error")])
def test_a_tool_is_an_error_unless_it_did_what_it_should(calls, status, error):
    *_, found = spans_of(calls, tools=[{"name": "look", "at": at(4), "ms": 1, "status": status}])
    assert found[4] == error
    assert found[5] == {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look"}


@pytest.mark.parametrize("words", [True, False])
def test_a_turn_has_its_figures_and_its_words_where_they_are_wanted(calls, words):
    calls._tracing.words = words
    figures = {"answer_ms": 700, "agent_ms": 500, "relay_ms": 200}
    *_, found = spans_of(calls, turns=[turn(0, interrupted=True, answers="speech", heard_ms=3, **figures)])
    assert found[5] == {
        **{"turn.speaker": "agent", "turn.interrupted": True, "turn.answers": "speech", "turn.heard_ms": 3},
        **{f"turn.{name}": value for name, value in figures.items()},
        **({"turn.text": "Hello"} if words else {}),
    }


def test_a_transfer_is_a_moment_at_the_end(calls):
    *_, found = spans_of(calls, transfer={"target": "sales"})
    assert found[:4] == ("transfer", 20, 20, "in call")
    assert found[5] == {"transfer.target": "sales"}


def test_the_end_of_the_process_sends_what_waits(calls):
    calls.close()
    assert calls._tracing.closed
    assert calls._tracing.service == "voice-bridge-relay"
