"""What each vendor is told at the beginning of a call, whole, with every option set: the review of a change shows it.

A field that is misspelt or missing is no error at most vendors: the agent is only slower or deafer than it could be.
`python -m tests.unit.relay.agents.test_first_messages` writes the messages anew.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from relay.agents.deepgram.codec import settings_message
from relay.agents.deepgram.options import DeepgramOptions
from relay.agents.elevenlabs.codec import initiation
from relay.agents.gemini.codec import setup
from relay.agents.gemini.options import GeminiOptions
from relay.agents.openai.options import GrokOptions, OpenAIOptions, VoiceLiveOptions
from relay.agents.openai.requests import (
    WIDE,
    grok_session_update,
    session_update,
    text_item,
    voice_live_session_update,
)
from relay.agents.overrides import Overrides
from relay.agents.sarvam.codec import interaction_start
from relay.agents.sarvam.options import SarvamOptions
from relay.agents.seam import Said
from relay.agents.telephony.exotel import ExotelDialect
from relay.agents.telephony.twilio import TwilioDialect
from relay.agents.tool_descriptions import ToolName
from relay.agents.ultravox.options import UltravoxOptions
from relay.agents.ultravox.requests import caller_text, start_call, tool_result
from relay.audio.convert import AudioFormat, Encoding
from tests.unit.relay.agents.peer import CALL

KEPT: Final = Path(__file__).with_name("first_messages.json")
ALL: Final = {"prompt": "Be kind to {{caller_number}}.", "greeting": "Namaste!", "transfer_targets": ("sales",)}
SHARED: Final = {**ALL, "tools": (ToolName.END_CALL,)}
TAKEOVER: Final = replace(CALL, said_so_far=(Said("agent", "Good morning."), Said("caller", "Hello?")))
ALAW: Final = AudioFormat(Encoding.ALAW, 8000)
OVERRIDES: Final = Overrides(first_message="Hi", prompt="Be brief.", language="hi", voice="v1", speed=1.1)


def _of_bots(dialect: Any) -> list[Any]:
    messages = dialect.opening(CALL, {"tenant": "acme"})
    messages += [dialect.media(b"\x01\x02"), dialect.media(b"\x03\x04"), dialect.digit("5"), dialect.mark("m1")]
    return [json.loads(message) for message in (*messages, dialect.stop())]


MESSAGES: Final[dict[str, Callable[[], Any]]] = {
    "openai": lambda: session_update(
        OpenAIOptions(**ALL, language="hi", noise_reduction="far_field", speed=1.1, silence_ms=400), CALL, ALAW
    ),
    "openai, semantic": lambda: session_update(
        OpenAIOptions(
            **SHARED, turn_detection="semantic_vad", eagerness="low", transcription_model="whisper-1", language="hi"
        ),
        CALL,
        WIDE,
    ),
    "openai, words": lambda: [text_item("user", "Hello"), text_item("system", "A minute is left.")],
    "grok": lambda: grok_session_update(GrokOptions(**SHARED), CALL, AudioFormat(Encoding.ULAW, 8000)),
    "azure_voice_live": lambda: voice_live_session_update(
        VoiceLiveOptions(
            **SHARED,
            base_url="https://x",
            language="en-IN,hi-IN",
            noise_reduction="azure_deep_noise_suppression",
            echo_cancellation=True,
            speed=1.2,
        ),
        CALL,
        ALAW,
    ),
    "azure_voice_live, 16 kHz": lambda: voice_live_session_update(
        VoiceLiveOptions(**SHARED, base_url="https://x", voice="alloy"), CALL, AudioFormat(Encoding.PCM, 16_000)
    ),
    "deepgram": lambda: settings_message(DeepgramOptions(**SHARED, language="hi"), CALL),
    "deepgram, flux": lambda: settings_message(
        DeepgramOptions(
            **SHARED, listen_model="flux-general-multi", eot_threshold=0.7, eot_timeout_ms=3000, language="hi"
        ),
        CALL,
    ),
    "deepgram, takeover": lambda: settings_message(DeepgramOptions(**SHARED), TAKEOVER),
    "gemini": lambda: setup(GeminiOptions(**SHARED), "gemini-3.8-live", CALL),
    "gemini, resumed": lambda: setup(GeminiOptions(**SHARED), "gemini-3.8-live", TAKEOVER, "handle-1"),
    "ultravox": lambda: start_call(
        UltravoxOptions(**SHARED, voice="Mark", language="hi-IN", temperature=0.3), "ultravox-v0.7", CALL
    ),
    "ultravox, words": lambda: [
        caller_text("Hello"),
        caller_text("A minute is left.", answered=False),
        tool_result("c1", "shipped", is_error=False),
        tool_result("c2", "not found", is_error=True),
    ],
    "ultravox, takeover": lambda: start_call(UltravoxOptions(**SHARED), "ultravox-v0.7", TAKEOVER),
    "sarvam": lambda: (
        interaction_start(
            SarvamOptions(org_id="o", workspace_id="w", app_id="a", language="Hindi", greeting="Hi", takeover="Sorry."),
            CALL,
        )
        | {"timestamp": 0}
    ),
    "elevenlabs": lambda: json.loads(initiation(CALL)),
    "elevenlabs, overridden": lambda: json.loads(initiation(replace(TAKEOVER, overrides=OVERRIDES))),
    "a bot for Exotel's streams": lambda: _of_bots(ExotelDialect(CALL, 8000)),
    "a bot for Twilio's streams": lambda: _of_bots(TwilioDialect(CALL)),
}


def written() -> str:
    """The file of the messages as they are now."""
    return json.dumps({name: make() for name, make in MESSAGES.items()}, indent=1, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", MESSAGES)
def test_it_is_told_what_it_was_told(name):
    assert json.loads(json.dumps(MESSAGES[name]())) == json.loads(KEPT.read_text(encoding="utf-8"))[name]


def test_no_message_is_kept_that_is_not_sent():
    assert list(json.loads(KEPT.read_text(encoding="utf-8"))) == list(MESSAGES)


if __name__ == "__main__":
    KEPT.write_text(written(), encoding="utf-8")
    sys.exit()
