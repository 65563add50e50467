"""A judge that lets everything pass is worth nothing: each expectation must be able to fail."""

import dataclasses
import io

import msgspec
import pytest
from rich.console import Console

from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim import virtual_time
from sim.bots import failures
from sim.line_playout import Gap
from sim.live import LiveView
from sim.outcome import judge
from sim.picture import draw, figure_rows
from sim.run import World, agent_scripts, play
from sim.scenario import load
from sim.serving import serving
from sim.timeline import Happening, Timeline
from tests.unit.sim.tiny_relay import TinyRelay

RECORD = {"end_reason": "agent_ended", "transfer": {"attempts": [{"state": "busy"}]}}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The barge-in scenario over a relay without ambience."""

    async def whole_call():
        scenario = load("barge_in")
        agent = msgspec.structs.replace(scenario.agent, input_format="pcm_8000", output_format="pcm_8000")
        scenario = msgspec.structs.replace(scenario, agent=agent)
        fake = FakeElevenLabs(agent_scripts(scenario), timeline=Timeline())
        folder = tmp_path_factory.mktemp("store")
        async with serving(fake.app()) as url:
            relay = TinyRelay(url.replace("http", "ws") + "/v1/convai/conversation?agent_id=agent_front")
            async with serving(relay.app()) as media:
                return await play(
                    scenario, World(media.replace("http", "ws") + "/media", fake, folder, timeline=fake.timeline)
                )

    return virtual_time.run(whole_call())


def judged(outcome, **expect):
    changed = msgspec.structs.replace(outcome.scenario.expect, **{"gaps": "any", **expect})
    scenario = msgspec.structs.replace(outcome.scenario, expect=changed)
    return judge(scenario, outcome.call, outcome.conversations, RECORD, outcome.happenings)


def test_a_call_that_is_as_expected(outcome):
    assert judged(outcome).failures == ()


@pytest.mark.parametrize(
    ("expect", "failure"),
    [
        ({"end_reason": "transferred"}, "record: end_reason: expected 'transferred', found 'agent_ended'"),
        ({"line_ended_by": "caller"}, "line ended by: expected 'caller', found 'bot'"),
        ({"conversations": 2}, "conversations: expected 2, found 1"),
        ({"interruptions": 0}, "interruptions: expected 0, found 1"),
        ({"cut": ()}, "heard cut off: expected [], found ['agent_clinics']"),
        ({"keys": "4"}, "keys told to the agent: expected '4', found ''"),
        ({"transfer": "answered"}, "transfer: expected 'answered', found ''"),
        ({"tools": ("x",)}, "tools that succeeded: expected ['x'], found []"),
        (
            {"record": {"transfer.attempts.0.state": "x"}},
            "record: transfer.attempts.0.state: expected 'x', found 'busy'",
        ),
        ({"record": {"a.b.3": 1}}, "record: a.b.3: expected 1, found None"),
    ],
)
def test_each_expectation_can_fail(outcome, expect, failure):
    assert judged(outcome, **expect).failures == (failure,)


def test_lines_and_gaps_can_fail_too(outcome):
    found = judged(outcome, heard=(), agent_heard=(), gaps=0).failures
    assert [failure.partition(":")[0] for failure in found] == ["agent made out", "heard whole", "gaps"]


def test_a_machine_that_was_late_is_not_the_relay_s_fault(outcome):
    """On a busy machine the fake reads late, and what it then counts as a hole or a cut line may be its own doing."""
    late = dataclasses.replace(outcome.call, late_max_s=0.3)
    expect = msgspec.structs.replace(
        outcome.scenario.expect, cut=(), heard=("agent_clinics", *outcome.scenario.expect.heard)
    )
    scenario = msgspec.structs.replace(outcome.scenario, expect=expect)
    assert judge(scenario, late, outcome.conversations, RECORD, ()).failures == ()
    assert failures("agent_ended", ("agent_clinics",), late, RECORD) == []
    assert failures("agent_ended", ("agent_clinics",), outcome.call, RECORD) == ["agent_clinics was not heard whole"]
    assert failures("agent_ended", ("caller_complaint",), late, RECORD) == ["caller_complaint was not heard whole"]


def test_the_figures(outcome):
    figures = outcome.figures
    assert figures.first_speech_ms == figures.first_sound_ms == 150
    assert figures.cut_in_to_clear_ms == 0
    assert 0 <= figures.cut_in_to_silence_ms <= 100
    assert figures.violations == 0
    assert figures.connect_ms is None


def test_the_picture_is_drawn(outcome, tmp_path):
    draw(outcome, tmp_path / "call.png")
    picture = (tmp_path / "call.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert picture[16:24] == (1600).to_bytes(4, "big") + (960).to_bytes(4, "big")
    rows = dict(figure_rows(outcome))
    assert rows["agent notices → clear at the line"] == "0 ms"
    assert rows["connect answered after"] == "–"


def printed(happenings, terminal=False):
    output = io.StringIO()
    with LiveView(Console(file=output, force_terminal=terminal, width=200)) as view:
        for happening in happenings:
            view.happened(happening)
    return output.getvalue()


def test_without_a_terminal_there_are_plain_lines(outcome):
    text = printed(outcome.happenings)
    assert "\x1b" not in text
    assert "  caller  Hello, which clinics do you have?\n" in text
    assert "agent notices the caller and stops" in text


def test_numbers_are_masked_and_brackets_are_not_markup():
    text = printed(
        [
            Happening(0.0, "line", "start", "c1"),
            Happening(1.0, "flow", "dial", "+919876500010"),
            Happening(2.0, "flow", "busy", "+919876500010"),
            Happening(3.0, "agent", "fails", "close [quota_exceeded] no credits"),
            Happening(4.0, "agent", "something new"),
        ]
    )
    assert "dialling ***0010" in text
    assert "busy: ***0010" in text
    assert "98765" not in text
    assert "[quota_exceeded]" in text
    assert "something new" not in text


def test_in_a_terminal_there_are_bars(outcome):
    assert "\x1b[" in printed(outcome.happenings, terminal=True)


@pytest.mark.parametrize(("late_s", "found"), [(0.0, 2), (0.012, 1), (0.03, 0)])
def test_a_hole_that_this_process_may_have_made_itself_is_not_the_relays(outcome, late_s, found):
    """The fake agent worked for 25 ms at the end of each line of the caller's, and the demo blamed the relay."""
    gaps = (Gap(1.0, 0.009, after_clear=False), Gap(2.0, 0.02, after_clear=False), Gap(3.0, 0.0005, after_clear=False))
    call = dataclasses.replace(outcome.call, gaps=gaps, late_max_s=late_s)
    assert len(call.holes) == found
    blamed = judged(dataclasses.replace(outcome, call=call), gaps=0).failures
    assert blamed == ((f"gaps: expected 0, found {found}",) if found else ())
