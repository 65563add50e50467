"""Callers on loudspeakers, whole calls in virtual time: without the guard an agent interrupts itself, with it never."""

import asyncio

import numpy as np
import pytest

from relay.audio.echo import _bench
from relay.line.echo_pool import EchoPool
from sim.agent_script import AgentScript, Reply
from sim.caller import Step, When
from sim.echo import LineEcho
from sim.exotel_stream import LineFaults
from sim.network import Network
from tests.support.echoes import ECHOES
from tests.support.relay_world import relay_world
from tests.support.virtual import virtual

RATE = 8000
TALKER = AgentScript(
    replies=(
        Reply(on="start", say=("agent_clinics",)),
        Reply(on="heard:caller_interrupts", say=("agent_hours",)),
    ),
    input_format="pcm_8000",
    output_format="pcm_8000",
    speech_db=-45.0,
)
LISTENS = (Step(when=When.AT, ms=7000, hang_up=True),)
SHORTLY = (Step(when=When.AT, ms=2500, hang_up=True),)
CUTS_IN = (Step(when=When.AT, ms=6000, say="caller_interrupts"), Step(when=When.AT, ms=18_000, hang_up=True))
JUMPS = [  # the delay of each first one must be learned before it jumps; up, down, by little, far, and twice
    LineEcho(delay_ms=300, level_db=-12, jumps=((3.0, 420),)),
    LineEcho(delay_ms=300, level_db=-8, jumps=((3.0, 200),)),
    LineEcho(delay_ms=250, level_db=-20, room_ms=60, jumps=((2.6, 290),)),
    LineEcho(delay_ms=150, level_db=-14, room_ms=250, jumps=((3.4, 800),)),
    LineEcho(delay_ms=800, level_db=-12, clip_at=0.2, jumps=((4.0, 100),)),
    LineEcho(delay_ms=300, level_db=-12, jumps=((2.4, 480), (4.2, 200))),
    LineEcho(delay_ms=420, level_db=-16, room_ms=60, jumps=((2.4, 180), (3.4, 640))),
]


def agents(mode: str) -> str:
    return f'[agents.a]\nid = "agent_0"\necho_guard = "{mode}"\n'


async def call(folder, mode: str, echo: LineEcho | None, script=LISTENS, **settings):
    async with relay_world(folder, TALKER, agents_toml=agents(mode), settings=settings) as world:
        result = await world.call(script=script, faults=LineFaults(echo=echo), call_sid="loudspeaker")
        [conversation] = world.agents.conversations
        return result, conversation, world.record(result.call_sid)


@pytest.mark.parametrize("echo", ECHOES, ids=lambda echo: f"{echo.delay_ms:g} ms {echo.level_db:g} dB {echo.clip_at:g}")
@virtual
async def test_an_agent_that_hears_itself_does_not_interrupt_itself(tmp_path, echo):
    _, alone, _ = await call(tmp_path, "off", echo, SHORTLY)
    assert alone.interruptions, "the fake agent is not shaken by this echo: it proves nothing"
    _, guarded, record = await call(tmp_path, "auto", echo)
    assert not guarded.interruptions
    assert record["quality"]["interruptions"] == 0
    assert record["quality"]["echo_ms"] == pytest.approx(echo.delay_ms, abs=60)
    assert record["quality"]["echo_muted_ms"] > 2500


@pytest.mark.parametrize("echo", JUMPS, ids=lambda echo: f"{echo.delay_ms:g} ms, then {echo.jumps}")
@virtual
async def test_an_echo_whose_delay_jumps_does_not_interrupt_the_agent_either(tmp_path, echo):
    """A network's buffer grows or shrinks in the middle of a word. The agent heard its own voice from there until it
    was searched for again, half a second, and interrupted itself in two of three such calls."""
    _, alone, _ = await call(tmp_path, "off", echo, SHORTLY)
    assert alone.interruptions, "the fake agent is not shaken by this echo: it proves nothing"
    _, guarded, record = await call(tmp_path, "auto", echo)
    assert not guarded.interruptions
    delays = [echo.delay_ms, *(delay for _, delay in echo.jumps)]
    assert any(record["quality"]["echo_ms"] == pytest.approx(delay, abs=60) for delay in delays)
    assert record["quality"]["echo_muted_ms"] > 2500


@virtual
async def test_a_caller_who_cuts_in_after_the_echo_has_jumped_stops_the_agent(tmp_path):
    """As quickly as on a clean line, but for 150 ms: what was learned of the echo is not taken for the caller."""
    clean, calm, _ = await call(tmp_path, "auto", None, CUTS_IN)
    echo = LineEcho(delay_ms=300, level_db=-12, jumps=((4.0, 420),))
    echoing, shaken, _ = await call(tmp_path, "auto", echo, CUTS_IN)
    [on_clean], [over_echo] = calm.interruptions, shaken.interruptions
    assert (over_echo - echoing.started_at) - (on_clean - clean.started_at) <= 0.15


@pytest.mark.parametrize("level_db", [-24, -8])
@virtual
async def test_a_caller_who_cuts_in_over_the_echo_still_stops_the_agent(tmp_path, level_db):
    """At most 150 ms later than on a clean line, though the echo is as loud as the first, soft syllable. It was 300:
    the agent missed the frames before the gate opened, and stopped at the next word."""
    clean, calm, _ = await call(tmp_path, "auto", None, CUTS_IN)
    echoing, shaken, record = await call(tmp_path, "auto", LineEcho(delay_ms=300, level_db=level_db), CUTS_IN)
    [on_clean], [over_echo] = calm.interruptions, shaken.interruptions
    began = [result.started_at for result in (clean, echoing)]
    assert (over_echo - began[1]) - (on_clean - began[0]) <= 0.15
    assert [turn.line for turn in shaken.turns if turn.role == "user"] == ["caller_interrupts"]
    assert record["quality"]["interruptions"] == 1


@pytest.mark.parametrize("ambience", ["", "office"])
@virtual
async def test_a_line_without_echo_is_bit_identical(tmp_path, ambience):
    calls = [await call(tmp_path, mode, None, CUTS_IN, ambience=ambience) for mode in ("off", "auto")]
    (_, off, _), (_, auto, record) = calls
    assert bytes(off.received) == bytes(auto.received)
    assert record["quality"]["echo_ms"] is None
    assert record["quality"]["echo_muted_ms"] == 0
    assert np.array_equal(calls[0][0].heard, calls[1][0].heard)


@virtual
async def test_a_relay_has_searched_once_before_its_first_call(tmp_path):
    """The first search loads two megabytes of code and tables, which took 20 ms: no call waits for it."""
    _bench.cache_clear()
    async with relay_world(tmp_path, TALKER, agents_toml=agents("auto")):
        assert _bench.cache_info().currsize == 1


@virtual
async def test_without_a_place_a_call_goes_unguarded_and_is_counted(tmp_path):
    async with relay_world(tmp_path, TALKER, agents_toml=agents("auto"), settings={"echo_calls": 0}) as world:
        result = await world.call(script=LISTENS, faults=LineFaults(echo=LineEcho()))
        assert world.agents.conversations[0].interruptions
        assert world.record(result.call_sid)["quality"]["echo_ms"] == 300
        _, metrics = await world.get("/metrics")
        assert "relay_echo_unguarded_total 1.0" in metrics
        assert "relay_echo_guarded 0.0" in metrics


@virtual
async def test_answer_times_are_measured_on_a_line_that_echoes(tmp_path):
    """The agent's own voice, coming back, is not the caller speaking over it."""
    _, _, record = await call(tmp_path, "auto", LineEcho(delay_ms=300, level_db=-12), CUTS_IN)
    assert [turn["answers"] for turn in record["turns"] if "answer_ms" in turn] == ["speech"]


class Slow(EchoPool):
    """As a relay with much to do: each round takes 45 ms longer."""

    def start(self, jobs):
        return asyncio.ensure_future(self._later(super().start, jobs))

    async def _later(self, start, jobs):
        await asyncio.sleep(0.045)
        return await start(jobs)


TALKS_ON = AgentScript(
    replies=(Reply(on="start", say=("agent_clinics", "agent_hours", "agent_booking")),),
    input_format="pcm_8000",
    output_format="pcm_8000",
)


@pytest.mark.parametrize(
    ("network", "at_its_least"),
    [(Network(0.02, jitter_s=0.002), True), (Network(0.02, burst_s=0.05, burst_every_s=2.0), False)],
    ids=["good", "bursts"],
)
@virtual
async def test_a_guarded_call_has_the_lead_that_its_line_needs(network, at_its_least, tmp_path, monkeypatch):
    """Frames and the echoes of marks waited while others were judged, and looked late: where a line needs 60 ms, a
    guarded call kept 100, or learned up to 400."""
    monkeypatch.setattr("relay.echo.EchoPool", Slow)
    leads = []
    for mode in ("off", "on"):
        settings = {"ambience": "office", "ambience_volume": 0.05}
        async with relay_world(tmp_path, TALKS_ON, agents_toml=agents(mode), settings=settings) as world:
            script = (Step(when=When.AT, ms=12_000, hang_up=True),)
            result = await world.call(script=script, faults=LineFaults(network=network))
            quality = world.record(result.call_sid)["quality"]
            leads.append(quality["lead_ms"])
    assert leads[0] == leads[1]
    assert (leads[1] == 60) is at_its_least
