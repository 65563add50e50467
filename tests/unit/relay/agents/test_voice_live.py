"""What Azure's Voice Live is told, where it differs from OpenAI."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from common.env import SettingError
from relay.agents import VENDORS
from relay.agents.openai.codec import Updated, decode
from relay.agents.openai.dialect import VOICE_LIVE
from relay.agents.openai.options import VoiceLiveOptions
from relay.agents.openai.requests import format_for, voice_live_session_update
from relay.agents.roster import AgentSpec
from relay.audio.convert import AudioFormat, Encoding
from relay.settings import Settings
from tests.unit.relay.agents.peer import CALL

ADDRESS = "https://acme.services.ai.azure.com"


def told(call=CALL, **options):
    """The session that is asked for."""
    kind = VoiceLiveOptions(base_url=ADDRESS, **options)
    return voice_live_session_update(kind, call, format_for(kind, call, VOICE_LIVE.pcm_rates))["session"]


def line(rate_hz):
    return replace(CALL, line=AudioFormat(Encoding.PCM, rate_hz))


@pytest.mark.parametrize(
    ("call", "options", "formats"),
    [
        (CALL, {}, ("g711_alaw", 8000, "g711_alaw")),
        (replace(CALL, to_number="+14155550100"), {}, ("g711_ulaw", 8000, "g711_ulaw")),
        (line(16000), {}, ("pcm16", 16000, "pcm16_16000hz")),
        (line(24000), {}, ("pcm16", 24000, "pcm16")),
        (CALL, {"codec": "pcm"}, ("pcm16", 16000, "pcm16_16000hz")),
        (line(48000), {}, ("pcm16", 24000, "pcm16")),
    ],
)
def test_formats(call, options, formats):
    """At 8 kHz only the laws are in both the SDK and the documents; at 16 and 24 the line's own sound passes."""
    session = told(call, **options)
    names = ("input_audio_format", "input_audio_sampling_rate", "output_audio_format")
    assert tuple(session[name] for name in names) == formats


def test_the_address_names_version_and_model():
    options = VoiceLiveOptions(base_url=ADDRESS, api_version="2026-04-10")
    url = urlsplit(VOICE_LIVE.url(options, "gpt-realtime mini"))
    assert (url.scheme, url.netloc, url.path) == ("wss", "acme.services.ai.azure.com", "/voice-live/realtime")
    assert parse_qs(url.query) == {"model": ["gpt-realtime mini"], "api-version": ["2026-04-10"]}
    assert VOICE_LIVE.headers("secret") == {"api-key": "secret"}


@pytest.mark.parametrize(
    ("options", "voice"),
    [
        ({"voice": "en-IN-NeerjaNeural"}, {"type": "azure-standard", "name": "en-IN-NeerjaNeural"}),
        ({"voice": "hi-IN-X", "speed": 1.2}, {"type": "azure-standard", "name": "hi-IN-X", "rate": "1.2"}),
        ({"voice": "echo", "speed": 1.2}, {"type": "openai", "name": "echo"}),
        *[
            ({"voice": name}, {"type": "openai", "name": name})
            for name in ("alloy", "ash", "ballad", "cedar", "coral", "marin", "sage", "shimmer", "verse")
        ],
        ({"voice": "meera"}, {"type": "azure-realtime-native", "name": "meera"}),
    ],
)
def test_whose_voice_it_is(options, voice):
    assert told(**options)["voice"] == voice


def test_what_is_not_asked_for_is_not_said():
    session = told()
    assert {"input_audio_noise_reduction", "input_audio_echo_cancellation", "model"}.isdisjoint(session)
    assert session["input_audio_transcription"] == {"model": "azure-speech"}
    session = told(echo_cancellation=True, noise_reduction="far_field", language="en-IN,hi-IN")
    assert session["input_audio_echo_cancellation"] == {"type": "server_echo_cancellation"}
    assert session["input_audio_noise_reduction"] == {"type": "far_field"}
    assert session["input_audio_transcription"]["language"] == "en-IN,hi-IN"


def test_turns():
    expected = {"type": "server_vad", "threshold": 0.4, "silence_duration_ms": 700}
    assert told(turn_detection="server_vad", threshold=0.4, silence_ms=700)["turn_detection"] == expected


def test_a_format_that_was_not_asked_for_is_taken_as_it_is_confirmed():
    message = (
        b'{"type":"session.updated","session":{"input_audio_format":"pcm16","output_audio_format":"pcm16_8000hz"}}'
    )
    wide, narrow = {"type": "audio/pcm", "rate": 24000}, {"type": "audio/pcm", "rate": 8000}
    assert decode(message) == [Updated(wide, narrow)]


def test_it_needs_the_address_of_the_resource():
    settings = Settings(agents_file="agents.toml", environ={"AZURE_VOICE_LIVE_API_KEY": "key"})
    with pytest.raises(SettingError, match=r"expected base_url, such as https://RESOURCE.services.ai"):
        VENDORS["azure_voice_live"].configure(AgentSpec("front", "azure_voice_live", ""), settings)
