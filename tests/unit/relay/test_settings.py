"""The relay's settings: the documented names and defaults, and one clear line for each mistake."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.credentials import BasicAuth
from common.env import SettingError
from relay.settings import Settings

LEAST = {"ELEVENLABS_AGENT_ID": "agent_1", "MEDIA_OPEN": "1"}
NEW, OLD = "the-new-events-secret", "the-old-events-secret"
SECRETS = ["ELEVENLABS_API_KEY", "MEDIA_TOKEN", "MEDIA_BASIC_AUTH", "CONTROL_TOKEN", "EVENTS_SECRET"]


def read(**environ: str) -> Settings:
    return Settings.from_env({**LEAST, **environ})


def test_the_least_that_must_be_set():
    settings = read()
    assert settings.elevenlabs_agent_id == "agent_1"
    assert (settings.host, settings.port, settings.log_level) == ("0.0.0.0", 8080, "INFO")
    assert (settings.frame_ms, settings.lead_ms, settings.chunk_size) == (40, None, None)
    assert (settings.max_calls, settings.max_call_s, settings.start_timeout_s) == (200, 3540, 10)
    assert (settings.drain_s, settings.stats_s, settings.ambience_volume) == (110, 60, 0.3)
    assert settings.store == Path("data")
    assert settings.instance


@pytest.mark.parametrize(
    ("environ", "field", "value"),
    [
        ({"BRIDGE_PORT": "9000"}, "port", 9000),
        ({"BRIDGE_PORT": "9000", "PORT": "9001"}, "port", 9001),
        ({"PORT": "", "BRIDGE_PORT": "9000"}, "port", 9000),
        ({"BG_SOUND_FILE": "a.wav"}, "ambience", "a.wav"),
        ({"BG_SOUND_FILE": "a.wav", "BACKGROUND_SOUND_FILE": "b.wav"}, "ambience", "b.wav"),
        ({"BG_SOUND_VOLUME": "0.5"}, "ambience_volume", 0.5),
        ({"BG_SOUND_VOLUME": "0.5", "BACKGROUND_SOUND_VOLUME": "0"}, "ambience_volume", 0.0),
        ({"LOG_LEVEL": "debug"}, "log_level", "DEBUG"),
        ({"ELEVENLABS_REGION": "India"}, "elevenlabs_region", "india"),
        ({"CHUNK_SIZE": "3200"}, "chunk_size", 3200),
        ({"CHUNK_SIZE": "320"}, "chunk_size", 320),
        ({"FRAME_MS": "20"}, "frame_ms", 20),
        ({"LEAD_MS": "Auto"}, "lead_ms", None),
        ({"LEAD_MS": "120"}, "lead_ms", 120),
        ({"STORE": "file:./calls"}, "store", Path("calls")),
        ({"STORE": "file:/var/calls"}, "store", Path("/var/calls")),
        ({"PUBLIC_URL": "wss://bridge.example.in/"}, "public_url", "wss://bridge.example.in"),
        (
            {"MEDIA_BASIC_AUTH": "user:a pass:word of nobody"},
            "media_basic_auth",
            BasicAuth("user", "a pass:word of nobody"),
        ),
        ({"MEDIA_OPEN": "1"}, "media_open", True),
        ({"METRICS_TOKEN": "a" * 16}, "metrics_token", "a" * 16),
        ({"EVENTS_URL": "https://x/relay/events", "EVENTS_SECRET": "a" * 16}, "events_url", "https://x/relay/events"),
        ({"EVENTS_SECRET": f"{NEW}, {OLD}"}, "events_secret", NEW),
        ({"ELEVENLABS_BASE_URL": "http://localhost:9000"}, "elevenlabs_base_url", "http://localhost:9000"),
        *(
            ({"ELEVENLABS_BASE_URL": f"{scheme}://proxy.example"}, "elevenlabs_base_url", f"{scheme}://proxy.example")
            for scheme in ("https", "ws", "wss")
        ),
    ],
)
def test_what_can_be_set(environ, field, value):
    assert getattr(read(**environ), field) == value


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "http", "a whole number from 0 to 65535"),
        ("PORT", "70000", "a whole number from 0 to 65535"),
        ("BRIDGE_PORT", "-1", "a whole number from 0 to 65535"),
        ("LOG_LEVEL", "LOUD", "one of DEBUG, INFO, WARNING, ERROR"),
        ("ELEVENLABS_REGION", "mars", "one of default, us, eu, india, singapore"),
        ("ELEVENLABS_BASE_URL", "api.elevenlabs.io", "an https:// or wss:// URL"),
        ("BACKGROUND_SOUND_VOLUME", "1.5", "a number from 0 to 1"),
        ("BG_SOUND_VOLUME", "nan", "a number from 0 to 1"),
        ("CHUNK_SIZE", "1000", "a multiple of 320"),
        ("FRAME_MS", "30", "a multiple of 20"),
        ("FRAME_MS", "0", "a whole number from 20 to 1000"),
        ("LEAD_MS", "50", "auto, or at least 60: 1.5 FRAME_MS"),
        ("LEAD_MS", "soon", "a whole number from 20 to 2000"),
        ("CHUNK_SIZE", "0", "a whole number from 320 to 99840"),
        ("CHUNK_SIZE", "102400", "a whole number from 320 to 99840"),
        ("PUBLIC_URL", "https://bridge.example.in", "a wss:// URL"),
        ("EVENTS_URL", "bridge.example.in", "an https:// URL"),
        ("AGENTS_URL", "bridge.example.in", "an https:// URL, or none"),
        ("AGENTS_URL", "None", "an https:// URL, or none"),
        ("MAX_CALLS", "0", "a whole number from 1 to 10000"),
        ("MAX_CALLS", "many", "a whole number from 1 to 10000"),
        ("MAX_CALL_SECONDS", "0", "a number from 1 to 14400"),
        ("START_TIMEOUT_SECONDS", "inf", "a number from 1 to 60"),
        ("DRAIN_SECONDS", "-1", "a number from 0 to 14400"),
        ("STORE", "s3://bucket/prefix", "file:FOLDER (with EVENTS_URL the functions write to the bucket)"),
        ("STORE", "data", "file:FOLDER (with EVENTS_URL the functions write to the bucket)"),
        ("STORE", "file:", "file:FOLDER (with EVENTS_URL the functions write to the bucket)"),
    ],
)
def test_a_mistake_is_one_line_with_name_value_and_expectation(name, value, expected):
    with pytest.raises(SettingError) as caught:
        read(**{name: value})
    line = str(caught.value)
    assert "\n" not in line
    assert line == f"{name}='{value}': expected {expected}"


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({}, "ELEVENLABS_AGENT_ID is not set: expected the id of your ElevenLabs agent (or set AGENTS_FILE)"),
        (
            {"ELEVENLABS_AGENT_ID": " "},
            "ELEVENLABS_AGENT_ID is not set: expected the id of your ElevenLabs agent (or set AGENTS_FILE)",
        ),
        *(
            (
                {**LEAST, "EVENTS_URL": "https://x", "EVENTS_SECRET": secret},
                "EVENTS_SECRET is not set: expected the secret that signs events for EVENTS_URL",
            )
            for secret in ("", " , ")
        ),
        (
            {**LEAST, "AGENTS_URL": "https://x"},
            "EVENTS_SECRET is not set: expected the secret that signs the requests to AGENTS_URL",
        ),
        (
            {**LEAST, "LOOKUP_URL": "https://x"},
            "LOOKUP_SECRET is not set: expected the secret that signs the look-up requests to LOOKUP_URL",
        ),
    ],
)
def test_what_is_missing_is_named(environ, line):
    with pytest.raises(SettingError, match=f"^{re.escape(line)}$"):
        Settings.from_env(environ)


PAIR = "user:password"
LONG = "16 characters or more, such as `openssl rand -hex 24` prints"


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.5", "relay.internal"])
def test_a_relay_that_others_can_reach_wants_a_secret(host):
    """It once started with a warning, while the functions refused: anybody could spend the agent's minutes."""
    expected = "a secret for the media socket's address, or MEDIA_BASIC_AUTH (MEDIA_OPEN=1 lets anybody in)"
    with pytest.raises(SettingError, match=f"^MEDIA_TOKEN is not set: expected {re.escape(expected)}$"):
        Settings.from_env({"ELEVENLABS_AGENT_ID": "agent", "HOST": host})


@pytest.mark.parametrize(
    "environ",
    [
        {"HOST": "127.0.0.1"},
        {"HOST": "127.8.8.8"},
        {"HOST": "::1"},
        {"HOST": "localhost"},
        {"MEDIA_OPEN": "1"},
        {"MEDIA_TOKEN": "a" * 16},
        {"MEDIA_BASIC_AUTH": "exotel:" + "a" * 16},
    ],
)
def test_a_relay_starts_with_a_secret_or_on_loopback(environ):
    assert Settings.from_env({"ELEVENLABS_AGENT_ID": "agent", **environ})


@pytest.mark.parametrize(
    ("environ", "agents_url"),
    [
        ({}, ""),
        ({"EVENTS_URL": "https://x/relay/events"}, "https://x/relay/agents"),
        ({"EVENTS_URL": "https://x/of/somebody/else"}, ""),
        ({"EVENTS_URL": "https://x/relay/events", "AGENTS_URL": "none"}, ""),
        ({"EVENTS_URL": "https://x/relay/events", "AGENTS_URL": "https://y/agents"}, "https://y/agents"),
        ({"AGENTS_URL": "http://localhost:8080/relay/agents"}, "http://localhost:8080/relay/agents"),
    ],
)
def test_versions_of_agents_come_from_the_functions_that_get_the_events_unless_told_otherwise(environ, agents_url):
    assert read(EVENTS_SECRET=NEW, **environ).agents_url == agents_url


def test_with_an_agents_file_no_agent_need_be_named():
    assert Settings.from_env({"AGENTS_FILE": "agents.toml", "MEDIA_OPEN": "1"}).agents_file == "agents.toml"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MEDIA_BASIC_AUTH", "s3cret-without-colon", PAIR),
        ("MEDIA_BASIC_AUTH", ":", PAIR),
        ("MEDIA_BASIC_AUTH", "a:s3cret", f"{PAIR} with a password of {LONG}"),
        ("MEDIA_BASIC_AUTH", ":s3cret-without-a-user", PAIR),
        ("METRICS_TOKEN", "s3cret", LONG),
        ("MEDIA_TOKEN", "s3cret/with/slashes", "one path segment, without a slash"),
        ("MEDIA_TOKEN", "fifteen-letters", LONG),
        ("CONTROL_TOKEN", "s3cret", LONG),
        ("EVENTS_SECRET", f"{NEW}, s3cret", LONG),
    ],
)
def test_a_mistake_in_a_secret_does_not_show_it(name, value, expected):
    with pytest.raises(SettingError) as caught:
        read(**{name: value})
    assert str(caught.value) == f"{name}=(hidden): expected {expected}"


def test_secrets_are_not_in_what_is_printed_of_the_settings():
    settings = read(**{name: f"user:s3cret-{name}-of-nobody" for name in SECRETS}, OPENAI_API_KEY="s3cret")
    assert settings.media_basic_auth == BasicAuth("user", "s3cret-MEDIA_BASIC_AUTH-of-nobody")
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings)


@given(
    st.dictionaries(
        st.sampled_from(
            ["PORT", "CHUNK_SIZE", "MAX_CALLS", "STORE", "PUBLIC_URL", "BG_SOUND_VOLUME", "MEDIA_TOKEN", "LOG_LEVEL"]
        ),
        st.text(max_size=12),
    )
)
def test_any_environment_is_settings_or_one_line(environ):
    try:
        settings = read(**environ)
    except SettingError as error:
        assert error.name in environ  # noqa: PT017 - both outcomes are right
        return
    assert (settings.chunk_size or 0) % 320 == 0
    assert 0 <= settings.ambience_volume <= 1


def test_questions_to_a_look_up_are_signed():
    with pytest.raises(
        SettingError, match="LOOKUP_SECRET is not set: expected the secret that signs the look-up requests"
    ):
        Settings.from_env({**LEAST, "LOOKUP_URL": "https://crm.example/who"})
    assert Settings.from_env({**LEAST, "LOOKUP_URL": "https://crm.example/who", "LOOKUP_SECRET": "s" * 16})
    with pytest.raises(SettingError, match="LOOKUP_URL='crm.example': expected an https:// URL"):
        Settings.from_env({**LEAST, "LOOKUP_URL": "crm.example"})


def test_headers_of_a_look_up_are_read_and_not_shown():
    settings = Settings.from_env({**LEAST, "LOOKUP_HEADERS": '{"Authorization": "Bearer of-nobody"}'})
    assert settings.lookup_headers == (("Authorization", "Bearer of-nobody"),)
    assert "of-nobody" not in repr(settings)
