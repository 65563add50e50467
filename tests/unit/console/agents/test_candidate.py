"""An agents' file before it is pushed: checked by the relay's own code, with its sounds, without secrets."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from console.agents.candidate import CandidateError, read

AGENT = '[agents.a]\nid = "agent_1"\n'


def wav(seconds: float = 1.0) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(int(8000 * seconds), dtype=np.int16), 8000, format="WAV")
    return file.getvalue()


@pytest.fixture
def candidate(tmp_path):
    def made(text, **files):
        (tmp_path / "sounds").mkdir(exist_ok=True)
        for name, content in files.items():
            (tmp_path / "sounds" / name.replace("_", ".")).write_bytes(content)
        (tmp_path / "agents.toml").write_bytes(text.encode() if isinstance(text, str) else text)
        return read(tmp_path / "agents.toml", tmp_path)

    return made


def test_all_its_sounds_go_with_it_wherever_they_are_named(candidate):
    text = f"""{AGENT}ambience = "sounds/room.wav"
fallback_speech = "apology"
fallback = "night"
[agents.night]
vendor = "script"
ambience = "office"
[agents.night.options.steps.sorry]
play = ["sounds/a.wav", "sounds/b.wav"]
"""
    found = candidate(text, room_wav=wav(), a_wav=wav(0.1), b_wav=wav(0.2), other_wav=wav())
    assert sorted(found.sounds) == ["sounds/a.wav", "sounds/b.wav", "sounds/room.wav"]
    assert found.sounds["sounds/b.wav"] == wav(0.2)
    assert found.text == text


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('voise = "x"', "agents.a.voise to be one of"),
        ('fallback = "nobody"', "agents.a.fallback to be one of a"),
        ('vendor = "nobody"', "agents.a.vendor to be one of"),
        ('ambience = "sounds/none.wav"', "sound file sounds/none.wav: No such file"),
        ('ambience = "../room.wav"', "agents.a.ambience: expected a path inside"),
        ('fallback_speech = "/etc/room.wav"', "agents.a.fallback_speech: expected a path inside"),
        ('options = { region = "mars" }', "agents.a.options.region to be one of"),
        ("[", "expected a TOML file"),
    ],
)
def test_what_a_relay_would_refuse_is_refused_here(candidate, more, problem):
    with pytest.raises(CandidateError, match=problem):
        candidate(AGENT + more + "\n")


HOLIDAYS = """
timezone = "Asia/Kolkata"
[holidays]
india = "sounds/days.txt"
[[routes]]
holidays = "india"
agent = "a"
"""


def test_files_of_holidays_go_with_it_and_are_read(candidate):
    found = candidate(HOLIDAYS + AGENT, days_txt=b"2026-01-26 Republic Day\n")
    assert found.sounds == {"sounds/days.txt": b"2026-01-26 Republic Day\n"}
    with pytest.raises(CandidateError, match=r"holidays\.india: the file to hold days like"):
        candidate(HOLIDAYS + AGENT, days_txt=b"soon\n")


def test_a_sound_that_is_none_is_named(candidate):
    with pytest.raises(CandidateError, match=r"sounds/room\.wav: expected a WAV or FLAC file"):
        candidate(AGENT + 'ambience = "sounds/room.wav"\n', room_wav=b"hello")


def test_what_is_no_text_is_no_agents_file(candidate):
    with pytest.raises(CandidateError, match="expected a TOML file"):
        candidate(b"\xff\xfe")
    with pytest.raises(CandidateError, match="expected a readable TOML file"):
        read(Path("no/such.toml"), Path())


def test_an_agent_whose_calls_are_recorded_can_be_pushed(candidate):
    """Its relay needs the functions, and has them: it is they who give it the file."""
    assert candidate(AGENT + 'record = "both"\n').variables == ()


def test_the_variables_that_relays_need_are_named_and_their_values_not_asked_for(candidate):
    text = """
[agents.a]
vendor = "openai"
[agents.a.tools.order_status]
description = "x"
url = "https://shop.example/orders"
headers = { Authorization = "Bearer ${SHOP_TOKEN}" }
[agents.b]
vendor = "exotel"
options = { url_env = "BOT_URL", basic_auth_env = "BOT_LOGIN" }
[agents.c]
vendor = "elevenlabs"
id = "agent_1"
options = { api_key_env = "KEY_OF_INDIA" }
"""
    assert candidate(text).variables == ("BOT_LOGIN", "BOT_URL", "KEY_OF_INDIA", "OPENAI_API_KEY", "SHOP_TOKEN")


TOOL = AGENT + '[agents.a.tools.x]\ndescription = "x"\nurl = "https://shop.example/"\nheaders = { %s }\n'


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (TOOL % 'Authorization = "Bearer 0123456789"', "agents.a.tools.x.headers.Authorization seems to hold a secret"),
        (TOOL % 'X-Api-Key = "0123456789"', "agents.a.tools.x.headers.X-Api-Key"),
        (TOOL % 'Cookie = "session=1"', "agents.a.tools.x.headers.Cookie"),
        (AGENT + 'options = { base_url = "https://user:passw0rd@proxy.example" }\n', "agents.a.options.base_url"),
        (AGENT + 'note = "sk-proj-0123456789abcdefghij"\n', "agents.a.note"),
    ],
)
def test_a_secret_in_plain_is_refused_and_not_shown(candidate, text, place):
    with pytest.raises(CandidateError, match=place) as refused:
        candidate(text)
    assert "0123456789" not in str(refused.value)
    assert "passw0rd" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        TOOL % 'Authorization = "Bearer ${SHOP_TOKEN}"',
        AGENT + '[agents.b]\nvendor = "openai"\noptions = { prompt = "Never say a password or a token." }\n',
        AGENT + '[agents.b]\nvendor = "openai"\noptions = { api_key_env = "MY_KEY" }\n',
        AGENT + '[agents.b]\nvendor = "exotel"\n[agents.b.options]\nurl = "wss://b.example"\n'
        'headers_env = { Authorization = "BOT_HEADER" }\n',
    ],
)
def test_what_only_names_a_secret_is_none(candidate, text):
    assert candidate(text)


def test_what_is_too_large_is_named(candidate):
    with pytest.raises(CandidateError, match=r"sound sounds/room\.wav: expected 1 to 4194304 bytes"):
        candidate(AGENT + 'ambience = "sounds/room.wav"\n', room_wav=wav(300))
    with pytest.raises(CandidateError, match="expected 262144 bytes at most"):
        candidate(AGENT + "#" * 300_000)
