"""Scripts with keys, and the echo: agents without a vendor."""

import pytest

from common.env import SettingError
from relay.app import create_app
from relay.audio.files import SoundFileError
from relay.settings import Settings
from sim.caller import Step, When
from sim.heard import find_line
from sim.speech import ASSETS, line
from sim.toml import agents_file
from tests.integration.agents.world import Entry, lines_heard, world
from tests.support.virtual import virtual


def step(name, **more):
    return {"play": [str(ASSETS / f"{name}.wav")], "text": line(name).text, **more}


NIGHT = {
    "welcome": step(
        "agent_digits",
        keys={"1": "hours", "2": "human"},
        wait_seconds=3,
        attempts=2,
        give_up="goodbye",
        otherwise="wrong",
    ),
    "wrong": step("sorry", next="welcome"),
    "hours": step("agent_hours", next="goodbye"),
    "human": step("agent_transfer", transfer={"target": "on_call", "reason": "at night"}, otherwise="goodbye"),
    "goodbye": step("agent_goodbye"),
}


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
@virtual
async def test_a_key_stops_the_sound_and_leads_on(tmp_path, rate_hz):
    async with world(tmp_path, Entry("night", "script", options={"steps": NIGHT})) as at:
        steps = (Step(when=When.AGENT_SPEAKING, ms=1000, press="1"),)
        call = await at.call(query=f"?sample-rate={rate_hz}", script=steps)
        at.assert_no_violations(call)
        menu, hours, goodbye = lines_heard(call, ("agent_digits", "agent_hours", "agent_goodbye"))
        assert not menu.is_whole
        assert len(call.clears) == 1
        assert call.clears[0] - menu.at_s < 1.2  # no waiting for more keys
        for one in (hours, goodbye):
            assert one.is_whole
            assert 0.95 < one.gain < 1.05
        record = at.record(call)
        assert record["end_reason"] == "agent_ended"
        texts = [line("agent_digits").text, "[pressed 1]", line("agent_hours").text, line("agent_goodbye").text]
        assert [turn["text"] for turn in record["turns"]] == texts


@virtual
async def test_keys_that_are_masked_work_and_are_not_in_the_record(tmp_path):
    async with world(tmp_path, Entry("night", "script", options={"steps": NIGHT}, more={"mask_keys": True})) as at:
        call = await at.call(script=(Step(when=When.AGENT_SPEAKING, ms=1000, press="1"),))
        texts = [line("agent_digits").text, "[pressed ***]", line("agent_hours").text, line("agent_goodbye").text]
        assert [turn["text"] for turn in at.record(call)["turns"]] == texts
        assert at.record(call)["agents"][0]["keys_masked"] is True


@virtual
async def test_transfer(tmp_path):
    async with world(tmp_path, Entry("night", "script", options={"steps": NIGHT})) as at:
        call = await at.call(script=(Step(when=When.AGENT_FINISHED, ms=500, press="2"),))
        record = at.record(call)
        assert record["end_reason"] == "transferred"
        assert record["transfer"]["target"] == "on_call"
        assert lines_heard(call, ("agent_transfer",))[0].is_whole


@virtual
async def test_wrong_keys_and_none_at_all_come_to_an_end(tmp_path):
    """One wrong key, then nothing: the menu is said twice, then goodbye."""
    async with world(tmp_path, Entry("night", "script", options={"steps": NIGHT})) as at:
        call = await at.call(script=(Step(when=When.AGENT_FINISHED, ms=500, press="9"),))
        texts = [turn["text"] for turn in at.record(call)["turns"] if turn["speaker"] == "agent"]
        names = ("agent_digits", "sorry", "agent_digits", "sorry", "agent_goodbye")
        assert texts == [line(name).text for name in names]
        assert at.record(call)["end_reason"] == "agent_ended"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ({}, "steps to have at least one step"),
        ({"a": {"next": "b"}}, "steps.a to lead to one of a, not to 'b'"),
        ({"a": {"keys": {"x": "a"}}}, "steps.a.keys to be of 0-9 * #"),
        ({"a": {"pause": 3}}, "unknown field `pause`"),
        ({"a": {"attempts": 0}}, "attempts"),
    ],
)
def test_steps_that_lead_nowhere_stop_the_start(tmp_path, steps, expected):
    (tmp_path / "agents.toml").write_text(
        agents_file({"night": {"vendor": "script", "options": {"steps": steps}}}),
    )
    with pytest.raises(SettingError, match="AGENTS_FILE") as error:
        create_app(Settings(agents_file=str(tmp_path / "agents.toml")))
    assert expected in str(error.value)


def test_a_sound_that_is_not_there_stops_the_start(tmp_path):
    steps = {"a": {"play": ["nothing.wav"]}}
    (tmp_path / "agents.toml").write_text(
        agents_file({"night": {"vendor": "script", "options": {"steps": steps}}}),
    )
    with pytest.raises(SoundFileError, match=r"nothing\.wav"):
        create_app(Settings(agents_file=str(tmp_path / "agents.toml")))


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
@virtual
async def test_echo(tmp_path, rate_hz):
    """The caller's own sound, to the sample, half a second later."""
    async with world(tmp_path, Entry("line", "echo", options={"delay_ms": 500})) as at:
        steps = (Step(when=When.AT, ms=300, say="caller_hours"), Step(ms=1500, hang_up=True))
        call = await at.call(query=f"?sample-rate={rate_hz}", script=steps)
        at.assert_no_violations(call)
        (said_at, _), *_ = call.said_lines
        echo = find_line(call.heard, rate_hz, "caller_hours")
        assert echo.is_whole
        assert 0.5 <= echo.at_s - said_at < 0.8
        said = call.said[round(said_at * rate_hz) :][: round(1.5 * rate_hz)]
        assert call.heard.tobytes().find(said.tobytes()) >= 0
