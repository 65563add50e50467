"""What a call reports, and how often: its events, its metrics, its state while it runs."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from relay.agents.roster import AgentSpec
from relay.audio.ambience import AmbienceTrack
from relay.audio.ambience_loop import Loop
from relay.audio.loudness import LevelMeter
from relay.audio.voice import VoiceActivity
from relay.call.report import CallReport
from relay.call.transcript import Transcript
from relay.events.delivery import Events
from relay.events.records import AgentEntry, CallFacts, EndReason, LookupEntry, Quality, Transfer
from relay.line import exotel
from relay.line.answers import Answer, Answers
from relay.logs import CallLog
from tests.support.virtual import virtual
from tests.unit.relay.call_services import call_services
from tests.unit.relay.talk import Destination
from tests.unit.relay.tone import noise

pytestmark = pytest.mark.usefixtures("logged")

DESK = AgentSpec("desk", "elevenlabs", "agent_1")
WISH = Transfer("sales", "asked", "wants two")


class Traces:
    def __init__(self):
        self.ended_with = []

    def ended(self, event):
        self.ended_with.append(event)


class World:
    """A call that a test tells about; made inside the event loop."""

    def __init__(self, **more):
        self.loop = asyncio.get_running_loop()
        self.facts = CallFacts("c", "s", "09876500001", "08047100002", datetime.now(UTC), self.loop.time, "v7")
        self.transcript = Transcript(self.facts.started_at)
        self.quality, self.destination = Quality(), Destination()
        self.events = Events(self.destination)
        services = replace(call_services(instance="relay-1", **more), events=self.events)
        self.metrics = services.metrics
        self.report = CallReport(
            self.facts,
            self.transcript,
            self.quality,
            services,
            log=CallLog("c", "s"),
            rate_hz=8000,
            asked_for="desk?",
        )

    @property
    def kinds(self):
        return [event["type"] for event in self.destination.events]


def line(caplog, event):
    [found] = [record for record in caplog.records if getattr(record, "event", "") == event]
    return vars(found)


# --- the start ---


@pytest.mark.parametrize(("agent", "alias", "vendor"), [(DESK, "desk", "elevenlabs"), (None, "desk?", "none")])
@virtual
async def test_a_call_that_starts_is_counted_and_logged_without_whole_numbers(caplog, agent, alias, vendor):
    world = World()
    start = exotel.Start("c", "s", "", "09876500001", "08047100002")
    world.report.started(start, agent)
    logged = line(caplog, "call_started")
    assert (logged["agent"], logged["vendor"], logged["agents_version"]) == (alias, vendor, "v7")
    assert "76500" not in logged["message"] + caplog.text
    assert world.metrics.total(world.metrics.started) == 1


@virtual
async def test_a_call_is_announced_once():
    world = World()
    world.report.announce()
    world.report.announce()
    await asyncio.sleep(0)
    await world.report.ended(EndReason.CALLER_HUNG_UP, "", None)
    assert world.kinds == ["call.started", "call.ended"]
    started = world.destination.events[0]
    assert (started["line"], started["relay"], "lookup" in started) == ({"rate_hz": 8000}, "relay-1", False)


@virtual
async def test_what_the_look_up_said_goes_with_both_events():
    world = World()
    world.facts.lookup, world.facts.tags = LookupEntry(120, "ok"), ("vip",)
    await world.report.ended(EndReason.CALLER_HUNG_UP, "", None)
    told = [(event["lookup"]["outcome"], event["tags"]) for event in world.destination.events]
    assert told == [("ok", ["vip"]), ("ok", ["vip"])]


@virtual
async def test_a_refused_call_is_an_error_in_the_log_by_its_reason(caplog):
    World().report.refused(EndReason.UNKNOWN_AGENT, "no agent 'x'")
    logged = line(caplog, "agent_failed")
    assert (logged["levelname"], logged["reason"]) == ("ERROR", "unknown_agent")
    assert (logged["agent"], logged["vendor"]) == ("desk?", "none")


# --- the end ---


@virtual
async def test_a_call_without_an_agent_ends_by_the_name_that_was_asked_for(caplog):
    world = World()
    await world.report.ended(EndReason.UNKNOWN_AGENT, "no agent", None)
    logged = line(caplog, "call_ended")
    assert (logged["agent"], logged["vendor"], logged["message"]) == (
        *("desk?", "none", "call ended: unknown_agent no agent"),
    )
    assert world.metrics.ended.labels("none", EndReason.UNKNOWN_AGENT)._value.get() == 1
    assert world.destination.events[-1]["agents"] == []


@virtual
async def test_a_call_ends_with_its_last_agent(caplog):
    world = World()
    for spec in (AgentSpec("first", "openai", "m"), DESK):
        world.facts.agents.append(AgentEntry(spec, world.facts.now()))
    await asyncio.sleep(2.5)
    await world.report.ended(EndReason.TRANSFERRED, "", WISH, [{"id": "c1"}])
    logged, event = line(caplog, "call_ended"), world.destination.events[-1]
    assert (logged["agent"], logged["vendor"], logged["ended_by"]) == ("desk", "elevenlabs", "agent")
    assert (event["duration_s"], logged["duration_s"]) == (2.5, 2.5)
    assert [agent["alias"] for agent in event["agents"]] == ["first", "desk"]
    assert (event["transfer"], event["commands"]) == (WISH.as_json(), [{"id": "c1"}])
    assert world.metrics.ended.labels("elevenlabs", EndReason.TRANSFERRED)._value.get() == 1


@virtual
async def test_the_end_of_a_call_waits_for_the_store_but_not_for_ever():
    """Exotel's next step may depend on the event; a store that is slow must not hold the line."""
    world = World()
    world.destination.answer_after_s = 1.0
    await world.report.ended(EndReason.CALLER_HUNG_UP, "", None)
    assert world.loop.time() == pytest.approx(1.0)
    world.destination.answer_after_s = 50.0
    await world.report.ended(EndReason.CALLER_HUNG_UP, "", None)
    assert world.loop.time() == pytest.approx(3.0)
    assert world.events.pending == 1


@virtual
async def test_a_stream_that_another_replaced_is_no_call_in_the_traces():
    traces = Traces()
    world = World(tracing=traces)
    await world.report.ended(EndReason.REPLACED, "", None)
    assert traces.ended_with == []
    await world.report.ended(EndReason.CALLER_HUNG_UP, "", None)
    assert [event["end_reason"] for event in traces.ended_with] == ["caller_hung_up"]


# --- measured ---


class Found:
    """Takes the place of Answers."""

    def __init__(self, found, first_heard_at=None):
        self._found = found
        self.first_heard_at = first_heard_at

    def found(self, now):
        assert now == float("inf"), "at the end of the call nothing is waited for"
        return self._found


@virtual
async def test_the_quality_of_a_call_is_measured_from_its_sound():
    world = World()
    world.facts.agents.append(AgentEntry(DESK, world.facts.now()))
    world.transcript.agent_says("Hello", "a1u1", world.facts.now())
    waits = {"a1u1": Answer("speech", 500, 100), "a1u2": Answer("keys", 900, 100)}
    meter = LevelMeter(8000)
    meter.hear(noise(16_000, seed=1).tobytes())
    track = AmbienceTrack(Loop(noise(16_000, seed=9), 8000), 0.5)
    track.take(8000)
    await asyncio.sleep(0.75)
    world.report.measure(Found(waits, world.loop.time() - 0.25), meter, track)
    quality = world.quality
    assert (quality.first_audio_ms, quality.answer_ms.max, quality.answer_ms.n) == (500, 1000, 2)
    assert (quality.caller_level_db, quality.caller_clipped) == (meter.level_db, meter.clipped)
    assert quality.caller_level_db is not None
    assert quality.ambience_level_db == track.level_db
    assert world.transcript.turns[0].answer == waits["a1u1"]
    [answered] = [
        sample.value
        for metric in world.metrics.answer.collect()
        for sample in metric.samples
        if sample.name == "relay_answer_seconds_sum" and sample.labels == {"vendor": "elevenlabs"}
    ]
    assert answered == pytest.approx(1.6)


@virtual
async def test_a_call_in_which_nobody_spoke_has_no_figures():
    world = World()
    world.report.measure(Answers(VoiceActivity(8000), 8000), LevelMeter(8000), None)
    quality = world.quality
    assert (quality.first_audio_ms, quality.answer_ms, quality.ambience_level_db) == (None, None, None)


# --- while it runs ---


def wish(transfer=None, arranged_at=None):
    """Takes the place of HandOver."""
    return SimpleNamespace(transfer=transfer, arranged_at=arranged_at)


@virtual
async def test_the_state_of_a_running_call():
    world = World()
    assert world.report.so_far(wish(), None) == {
        **{"relay": "relay-1", "answer_ms": None, "interruptions": 0, "transfer": None, "ambience": None},
        **{"choices": {"agents": ["agent"], "announcements": []}},
    }
    world.transcript.agent_says("Hello", "a1u1", world.facts.now())
    world.transcript.agent_says("You there?", "a1u2", world.facts.now())
    world.transcript.answered("a1u1", Answer("speech", 500, 100))
    world.quality.interruptions = 2
    track = AmbienceTrack(Loop(noise(16_000, seed=9), 8000), 0.5)
    state = world.report.so_far(wish(WISH), track)
    assert (state["answer_ms"]["max"], state["answer_ms"]["n"], state["interruptions"]) == (600, 1, 2)
    assert state["transfer"] == WISH.as_json()
    assert state["ambience"] == {"enabled": True, "volume": 0.5}
    state = world.report.so_far(wish(WISH, datetime(2026, 11, 29, 10, tzinfo=UTC)), track)
    assert state["transfer"]["arranged_at"].startswith("2026-11-29T10:00:00")
