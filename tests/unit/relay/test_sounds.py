"""The sound files of a relay: read once at start, shared, or named as what stops it."""

import re

import numpy as np
import pytest

from common.env import SettingError
from relay.agents.agents_file import read_agents_file
from relay.agents.own_tools import OwnTool
from relay.agents.roster import AgentSpec, Roster
from relay.audio import ambience
from relay.audio.files import SoundFileError
from relay.audio.pcm import LINE_RATES
from relay.settings import Settings
from relay.sounds import Sounds
from tests.unit.relay.tone import noise, pitch, sine, wav


def spec(alias: str, **more) -> AgentSpec:
    return AgentSpec(alias, "elevenlabs", f"agent_{alias}", **more)


def sounds(*agents: AgentSpec, **settings) -> Sounds:
    return Sounds(Settings(**settings), Roster({agent.alias: agent for agent in agents}, agents[0].alias))


@pytest.fixture
def street(tmp_path) -> str:
    return str(wav(tmp_path / "street.wav", noise(16_000), 16_000))


@pytest.fixture
def sorry(tmp_path) -> str:
    return str(wav(tmp_path / "sorry.wav", sine(440, 22_050, 1.0), 22_050))


def test_no_ambience_by_default():
    assert sounds(spec("day")).ambience(spec("day"), 8000) is None


def test_the_ambience_of_the_environment_is_everybodys_default(street):
    track = sounds(spec("day"), ambience=street, ambience_volume=0.4).ambience(spec("day"), 8000)
    assert (track.volume, track.enabled) == (0.4, True)


def test_an_agent_may_have_its_own_or_none(street):
    day, night, quiet = spec("day"), spec("night", ambience=street, ambience_volume=0.9), spec("quiet", ambience="")
    all_sounds = sounds(day, night, quiet, ambience="office")
    assert all_sounds.ambience(day, 8000).volume == 0.3
    assert all_sounds.ambience(night, 8000).volume == 0.9
    assert all_sounds.ambience(quiet, 8000) is None


def test_a_volume_of_nought_is_a_volume(street):
    assert (
        sounds(spec("day", ambience_volume=0.0), ambience=street)
        .ambience(spec("day", ambience_volume=0.0), 8000)
        .volume
        == 0
    )


@pytest.mark.parametrize("rate_hz", sorted(LINE_RATES))
def test_calls_share_the_samples_and_nothing_else(street, rate_hz):
    all_sounds = sounds(spec("day"), ambience=street, ambience_volume=1.0)
    one, other = (all_sounds.ambience(spec("day"), rate_hz) for _ in range(2))
    one.take(rate_hz)
    one.volume = 0.1
    assert other.volume == 1.0
    other.take(rate_hz)
    again = all_sounds.ambience(spec("day"), rate_hz)
    again.take(rate_hz)
    assert other.take(100).tolist() == again.take(100).tolist()
    assert other._loop is again._loop


def test_each_file_is_read_once(street, monkeypatch):
    read = []
    original = ambience.read_mono
    monkeypatch.setattr(ambience, "read_mono", lambda path, _: read.append(str(path)) or original(path))
    all_sounds = sounds(spec("day", ambience=street), spec("night", ambience=street), ambience=street)
    for _ in range(10):
        all_sounds.ambience(spec("day"), 8000)
    assert read == [street]


@pytest.mark.parametrize("rate_hz", sorted(LINE_RATES))
def test_the_spoken_fallback_is_at_the_lines_rate(sorry, rate_hz):
    apology = sounds(spec("day"), fallback_speech=sorry).apology(spec("day"), rate_hz)
    speech = np.frombuffer(apology.pcm, dtype=np.int16)
    assert len(speech) == pytest.approx(rate_hz, abs=2)
    assert pitch(speech, rate_hz) == pytest.approx(440, abs=0.5)
    assert apology.text == "[sorry.wav]"


def test_an_agents_own_fallback_wins(sorry, street):
    own = spec("day", fallback_speech=street)
    all_sounds = sounds(own, fallback_speech=sorry)
    assert all_sounds.apology(own, 16_000).pcm == noise(16_000).tobytes()
    assert all_sounds.apology(spec("night"), 16_000).pcm != noise(16_000).tobytes()


@pytest.mark.parametrize("rate_hz", sorted(LINE_RATES))
def test_an_apology_ships_with_the_relay(rate_hz):
    """By default a caller whom no agent could take was dropped in silence."""
    apology = sounds(spec("day")).apology(spec("day"), rate_hz)
    speech = np.frombuffer(apology.pcm, dtype=np.int16).astype(float)
    assert 3.0 < len(speech) / rate_hz < 5.0
    assert 1000 < np.sqrt(np.mean(speech**2)) < 6000
    assert apology.text == "We are sorry. Our assistant is not available at the moment."


def test_the_apology_can_be_turned_off():
    assert sounds(spec("day"), fallback_speech="none").apology(spec("day"), 8000) is None
    quiet = spec("quiet", fallback_speech="none")
    assert sounds(quiet, spec("day")).apology(quiet, 8000) is None
    assert sounds(quiet, spec("day")).apology(spec("day"), 8000) is not None


@pytest.mark.parametrize("where", ["settings", "agent"])
@pytest.mark.parametrize("kind", ["ambience", "fallback_speech"])
def test_a_file_that_can_not_be_used_stops_the_start(tmp_path, where, kind):
    (tmp_path / "letter.wav").write_text("not a sound")
    name = {kind: str(tmp_path / "letter.wav")}
    with pytest.raises(SoundFileError, match=r"letter\.wav: expected a WAV or FLAC file"):
        sounds(spec("day", **(name if where == "agent" else {})), **(name if where == "settings" else {}))


def test_each_call_begins_somewhere_else_and_the_same_one_always_in_the_same_place():
    every = sounds(spec("day"), ambience="office")
    begins = [every.ambience(spec("day"), 8000, call_sid).take(800) for call_sid in ("a", "b", "a")]
    assert (begins[0] == begins[2]).all()
    assert not (begins[0] == begins[1]).all()


@pytest.mark.parametrize("background", ["", "office"])
def test_typing_waits_beside_the_ambience_or_alone(background):
    busy = spec("day", typing_volume=0.4)
    track = sounds(busy, ambience=background).ambience(busy, 8000)
    assert track.over.volume == 0.4
    assert track.over.silent
    assert track.silent is (background == "")
    assert sounds(spec("day"), ambience="office").ambience(spec("day"), 8000).over is None


def test_while_the_agent_speaks_the_ambience_makes_room_as_much_as_the_agent_says():
    every = sounds(spec("day"), spec("loud", duck_db=0.0), ambience="office", ambience_volume=1.0)
    tracks = [every.ambience(agent, 8000, "a") for agent in (spec("day"), spec("loud", duck_db=0.0))]
    ducked, plain = (track.take(16_000, (0, 16_000))[8000:].astype(float) for track in tracks)
    assert 20 * np.log10(np.sqrt((plain**2).mean() / (ducked**2).mean())) == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("duck_db = 31", "duck_db to be from 0 to 30"),
        ("gain_db = -21", "gain_db to be from -20 to 20"),
        ("typing_volume = 2", "typing_volume to be from 0 to 1"),
        ('level = "loud"', 'level to be "auto" or left out'),
        ('level = "auto"\ngain_db = 3', "to have gain_db or level, not both"),
    ],
)
def test_what_is_wrong_with_a_sound_setting_is_said(tmp_path, entry, problem):
    path = tmp_path / "agents.toml"
    path.write_text(f"[agents.day]\n{entry}\n")
    with pytest.raises(SettingError, match=rf"agents\.day[. ]{re.escape(problem)}"):
        read_agents_file(str(path), {"elevenlabs": None})


async def test_an_ambience_that_comes_with_the_relay_is_read_when_somebody_asks_for_it(street):
    some = sounds(spec("day"), ambience=street)
    assert all(some.has(name) for name in ("", street, *ambience.BUILT_IN))
    assert not some.has("waterfall")
    for name in ("", street, "quiet"):
        await some.load(name)
    assert some.ambience(spec("night", ambience="quiet", ambience_volume=0.1), 8000).volume == 0.1


def test_a_tools_sound_is_read_at_the_start_and_begins_at_its_beginning(street):
    tool = OwnTool(description="d", url="https://x.example", waiting=street)
    day = spec("day", tools={"look_up": tool})
    some = sounds(day)
    assert some.ambience(day, 8000).volume == 0.0  # silent, for the sound to be heard over
    first, second = some.waiting(street, 8000), some.waiting(street, 8000)
    assert (first.take(800) == second.take(800)).all()
    assert some.waiting("", 8000) is None
    with pytest.raises(SoundFileError, match="none.wav"):
        sounds(spec("day", tools={"look_up": OwnTool(description="d", url="https://x.example", waiting="none.wav")}))
