"""What each vendor is told, whole: at the beginning of a call with every option set, and during one.

A field that is misspelt or missing is no error at most vendors: the agent is only slower or deafer than it could be.
`python -m tests.unit.relay.agents.test_told` writes the messages anew.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from relay.agents.deepgram.codec import settings_message
from relay.agents.deepgram.options import DeepgramOptions
from relay.agents.deepgram.session import DeepgramSession
from relay.agents.elevenlabs.codec import initiation
from relay.agents.elevenlabs.options import ElevenLabsAgent
from relay.agents.elevenlabs.session import ElevenLabsSession
from relay.agents.gemini.codec import setup
from relay.agents.gemini.options import GeminiOptions
from relay.agents.gemini.session import GeminiSession
from relay.agents.openai.options import GrokOptions, OpenAIOptions, VoiceLiveOptions
from relay.agents.openai.requests import (
    WIDE,
    grok_session_update,
    session_update,
    text_item,
    voice_live_session_update,
)
from relay.agents.openai.session import OpenAISession
from relay.agents.overrides import Overrides
from relay.agents.sarvam.codec import interaction_start
from relay.agents.sarvam.options import SarvamOptions
from relay.agents.sarvam.session import SarvamSession
from relay.agents.seam import Said
from relay.agents.telephony.exotel import ExotelDialect
from relay.agents.telephony.twilio import TwilioDialect
from relay.agents.tool_descriptions import ToolName
from relay.agents.ultravox.options import UltravoxOptions
from relay.agents.ultravox.requests import caller_text, start_call, tool_result
from relay.agents.ultravox.session import UltravoxSession
from relay.audio.convert import AudioFormat, Encoding
from tests.unit.relay.agents.peer import CALL, Peer

KEPT: Final = Path(__file__).with_name("told.json")
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


class Told(Peer):
    """Keeps binary messages too."""

    async def send(self, message, kind=None):
        try:
            await super().send(message)
        except ValueError:
            self.told.append({"binary": message.hex()})


async def _during_a_call(session: Any) -> Any:
    """Speech, keys, results of tools, an interruption, notes; a vendor is told nothing of what it has no words for."""
    session._socket = peer = Told()
    if isinstance(session, GeminiSession):
        session._sockets._socket = peer
    await session.send_audio(b"\x01\x02\x03\x04")
    await session.send_keys("12#")
    await session.answer_tool("c1", "shipped", is_error=False)
    await session.answer_tool("c2", "not found", is_error=True)
    await session.note("A minute is left.")
    await session.note("Ask whether they are there.", reply=True)
    await session.interrupted("u1", 700)
    await session.heard("u2")
    await session.ask_again()
    return [message | ({"timestamp": 0} if "timestamp" in message else {}) for message in peer.told]


SESSIONS: Final[dict[str, Callable[[], Any]]] = {
    "openai": lambda: OpenAISession(None, OpenAIOptions(), "m", "key"),
    "deepgram": lambda: DeepgramSession(None, DeepgramOptions(), "key"),
    "gemini": lambda: GeminiSession(None, GeminiOptions(), "m", "key"),
    "ultravox": lambda: UltravoxSession(None, UltravoxOptions(), "m", "key"),
    "sarvam": lambda: SarvamSession(None, SarvamOptions(org_id="o", workspace_id="w", app_id="a"), "key"),
    "elevenlabs": lambda: ElevenLabsSession(ElevenLabsAgent("agent_1"), None),
}


async def _of_sessions() -> dict[str, Any]:
    return {f"{name}, during a call": await _during_a_call(make()) for name, make in SESSIONS.items()}


def written() -> str:
    """The file of the messages as they are now."""
    made = {name: make() for name, make in MESSAGES.items()} | asyncio.run(_of_sessions())
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", MESSAGES)
def test_it_is_told_what_it_was_told(name):
    assert json.loads(json.dumps(MESSAGES[name]())) == json.loads(KEPT.read_text(encoding="utf-8"))[name]


@pytest.mark.parametrize("name", SESSIONS)
async def test_it_is_told_during_a_call_what_it_was_told(name):
    kept = json.loads(KEPT.read_text(encoding="utf-8"))[f"{name}, during a call"]
    assert await _during_a_call(SESSIONS[name]()) == kept


def test_no_message_is_kept_that_is_not_sent():
    kept = list(json.loads(KEPT.read_text(encoding="utf-8")))
    assert kept == [*MESSAGES, *(f"{name}, during a call" for name in SESSIONS)]


if __name__ == "__main__":
    KEPT.write_text(written(), encoding="utf-8")
    sys.exit()
