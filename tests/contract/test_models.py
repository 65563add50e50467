"""The vendors' SDKs know right from wrong: what the seam's suite asks them for every message rests on that.

The messages themselves are checked where they are exchanged (tests/integration/agents/conftest.py).
"""

from collections.abc import Iterator

import pytest

from tests.support.sdk_models import SdkModels

GEMINI_SETUP = {"model": "models/some", "generationConfig": {"responseModalities": ["AUDIO"]}}
PONG = {"type": "pong", "event_id": 7}


@pytest.fixture(scope="module")
def models() -> Iterator[SdkModels]:
    models = SdkModels()
    yield models
    models.close()


@pytest.mark.parametrize(
    ("vendor", "side", "message"),
    [
        ("openai", "client", {"type": "response.create"}),
        ("openai", "server", {"type": "input_audio_buffer.cleared", "event_id": "event_1"}),
        ("deepgram", "client", {"type": "KeepAlive"}),
        ("deepgram", "server", {"type": "Welcome", "request_id": "r"}),
        ("gemini", "client", {"setup": GEMINI_SETUP}),
        ("gemini", "server", {"serverContent": {"turnComplete": True}}),
        ("azure_voice_live", "client", {"type": "response.create", "response": {"instructions": "Say hello."}}),
        ("azure_voice_live", "server", {"type": "session.created", "event_id": "e", "session": {"id": "s"}}),
        ("sarvam", "client", {"type": "client.system.pong", "origin": "client", "timestamp": 1.5, "event_id": 3}),
        ("sarvam", "server", {"type": "server.event.user_speech_end", "origin": "server", "timestamp": 1.5}),
        ("elevenlabs", "client", PONG),
        ("elevenlabs", "server", {"type": "interruption", "interruption_event": {"event_id": 3}}),
    ],
)
def test_a_message_as_it_should_be(models, vendor, side, message):
    assert models.problem(vendor, side, message) == ""


@pytest.mark.parametrize(
    ("vendor", "side", "message", "problem"),
    [
        ("openai", "client", {"type": "response.make"}, "'response.make'"),
        ("openai", "client", {"type": "response.create", "reply": {}}, "reply is not known"),
        ("openai", "server", {"type": "input_audio_buffer.cleared"}, "event_id: Field required"),
        ("openai", "server", {"type": "response.done", "event_id": "1", "response": {"status": "bad"}}, "status"),
        ("deepgram", "client", {"type": "InjectUserMessage", "text": "hello"}, "content: Field required"),
        ("deepgram", "client", {"type": "KeepAlive", "every": 8}, "every is not known"),
        ("deepgram", "server", {"type": "ConversationText", "role": "user"}, "content: Field required"),
        ("gemini", "client", {"setup": {**GEMINI_SETUP, "voice": "Kore"}}, "voice: Extra inputs"),
        ("gemini", "server", {"serverContent": {"turnDone": True}}, "turnDone: Extra inputs"),
        ("azure_voice_live", "client", {"type": "response.make"}, "'response.make'"),
        ("azure_voice_live", "client", {"type": "session.update", "session": {"audio": {}}}, "audio is not known"),
        ("azure_voice_live", "server", {"type": "response.audio.done", "response_id": 1}, "item_id is missing"),
        ("azure_voice_live", "server", {"type": "response.audio.done", "response_id": 1}, "response_id is int"),
        ("sarvam", "client", {"type": "client.system.pong", "origin": "client", "event_id": 3}, "timestamp"),
        ("sarvam", "client", {"type": "client.hello"}, "'client.hello'"),
        (
            "sarvam",
            "server",
            {"type": "server.system.ping", "origin": "client", "timestamp": 1, "event_id": 1},
            "origin",
        ),
        ("sarvam", "server", {"type": "server.event.user_interrupt", "timestamp": 1, "why": ""}, "why is not known"),
        ("elevenlabs", "client", {"type": "pong", "id": 7}, "id is not known; event_id is missing"),
        ("elevenlabs", "client", {"type": "pong", "event_id": "7"}, "event_id is str"),
        ("elevenlabs", "client", {"type": "hello"}, "no client sends the type 'hello'"),
        ("elevenlabs", "server", {"type": "interruption"}, "KeyError: 'interruption_event'"),
        ("elevenlabs", "server", {"type": "hello"}, "no event has the type 'hello'"),
    ],
)
def test_a_message_that_is_wrong_is_named(models, vendor, side, message, problem):
    assert problem in models.problem(vendor, side, message)
