"""Messages to OpenAI Realtime (other-agents.md B1)."""

from collections.abc import Sequence
from typing import Any, Final

from relay.agents.openai.options import (
    LISTED_LANGUAGES,
    OPENAI_VOICES,
    GrokOptions,
    OpenAIOptions,
    RealtimeOptions,
    VoiceLiveOptions,
)
from relay.agents.seam import CallInfo
from relay.agents.tool_descriptions import describe
from relay.audio.convert import AudioFormat, Encoding

MU_LAW: Final = AudioFormat(Encoding.ULAW, 8000)
A_LAW: Final = AudioFormat(Encoding.ALAW, 8000)
WIDE: Final = AudioFormat(Encoding.PCM, 24000)
PCM_RATES: Final = (WIDE.rate_hz,)  # OpenAI speaks PCM at this rate only

_LAWS: Final = {"pcmu": MU_LAW, "pcma": A_LAW}
_MU_LAW_COUNTRIES: Final = ("+1", "+81")  # North America and Japan; the rest of the world speaks A-law

REPLY_IDS: Final = "reply_"
"""Our requests for a reply have event ids that begin so: an error that names one concerns that reply."""


def format_for(options: RealtimeOptions, call: CallInfo, pcm_rates: Sequence[int] = PCM_RATES) -> AudioFormat:
    """The format for this line with a service that takes and returns PCM at `pcm_rates`, in Hz and rising.

    G.711 on a telephone line: a table instead of a resampler, and a sixth of the bytes. The law is the carrier's: sound
    coded with it passes a second time without loss, and the other law adds noise.
    """
    if options.codec in _LAWS:
        return _LAWS[options.codec]
    if options.codec == "pcm" or call.line.rate_hz != A_LAW.rate_hz:
        fitting = (rate_hz for rate_hz in pcm_rates if rate_hz >= call.line.rate_hz)
        return AudioFormat(Encoding.PCM, next(fitting, pcm_rates[-1]))
    return MU_LAW if call.to_number.startswith(_MU_LAW_COUNTRIES) else A_LAW


def wire(audio: AudioFormat) -> dict[str, Any]:
    """A format as OpenAI writes it."""
    if audio.encoding is Encoding.PCM:
        return {"type": "audio/pcm", "rate": audio.rate_hz}
    return {"type": "audio/pcmu" if audio.encoding is Encoding.ULAW else "audio/pcma"}


def session_update(options: OpenAIOptions, call: CallInfo, audio: AudioFormat) -> dict[str, Any]:
    """All settings of a session."""
    wire_format = wire(audio)
    heard: dict[str, Any] = {
        "format": wire_format,
        "transcription": _transcription(options),
        "turn_detection": _turns(options),
    }
    if options.noise_reduction:
        heard["noise_reduction"] = {"type": options.noise_reduction}
    return {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "instructions": options.instructions(call),
            "output_modalities": ["audio"],
            "audio": {
                "input": heard,
                "output": {"format": wire_format, "voice": options.voice, "speed": options.speed},
            },
            "tools": _tools(options, call),
            "tool_choice": "auto",
        },
    }


def grok_session_update(options: GrokOptions, call: CallInfo, audio: AudioFormat) -> dict[str, Any]:
    """The same for xAI's Grok, whose sessions have voice, instructions and turns at the top (other-agents.md B4)."""
    return {
        "type": "session.update",
        "session": {
            "voice": options.voice,
            "instructions": options.instructions(call),
            "turn_detection": {
                "type": "server_vad",
                "threshold": options.threshold,
                "silence_duration_ms": options.silence_ms,
            },
            "audio": {"input": {"format": wire(audio)}, "output": {"format": wire(audio)}},
            "tools": _tools(options, call),
        },
    }


def voice_live_session_update(options: VoiceLiveOptions, call: CallInfo, audio: AudioFormat) -> dict[str, Any]:
    """The same for Azure's Voice Live: a flat session, formats by the names of OpenAI's beta (other-agents.md B4b)."""
    law = {Encoding.ULAW: "g711_ulaw", Encoding.ALAW: "g711_alaw"}.get(audio.encoding, "")
    spoken = "pcm16" if audio.rate_hz == WIDE.rate_hz else f"pcm16_{audio.rate_hz}hz"
    transcription = {"model": options.transcription_model}
    if options.language:
        transcription["language"] = options.language
    session: dict[str, Any] = {
        "modalities": ["text", "audio"],
        "instructions": options.instructions(call),
        "voice": _voice(options),
        "input_audio_format": law or "pcm16",
        "input_audio_sampling_rate": audio.rate_hz,
        "output_audio_format": law or spoken,
        "input_audio_transcription": transcription,
        "turn_detection": {
            "type": options.turn_detection,
            "threshold": options.threshold,
            "silence_duration_ms": options.silence_ms,
        },
        "tools": _tools(options, call),
        "tool_choice": "auto",
    }
    if options.noise_reduction:
        session["input_audio_noise_reduction"] = {"type": options.noise_reduction}
    if options.echo_cancellation:
        session["input_audio_echo_cancellation"] = {"type": "server_echo_cancellation"}
    return {"type": "session.update", "session": session}


def _voice(options: VoiceLiveOptions) -> dict[str, Any]:
    if "-" in options.voice:  # a locale comes first
        speed = {} if options.speed == 1.0 else {"rate": f"{options.speed:g}"}
        return {"type": "azure-standard", "name": options.voice, **speed}
    return {"type": "openai" if options.voice in OPENAI_VOICES else "azure-realtime-native", "name": options.voice}


def _tools(options: RealtimeOptions, call: CallInfo) -> list[dict[str, Any]]:
    return [{"type": "function", **tool} for tool in describe(options.tools, options.transfer_targets, call.own_tools)]


def _transcription(options: OpenAIOptions) -> dict[str, Any]:
    transcription: dict[str, Any] = {"model": options.transcription_model}
    if options.language and options.transcription_model in LISTED_LANGUAGES:
        transcription["languages"] = [options.language]
    elif options.language:
        transcription["language"] = options.language
    return transcription


def _turns(options: OpenAIOptions) -> dict[str, Any]:
    detection: dict[str, Any]
    if options.turn_detection == "server_vad":
        detection = {"threshold": options.threshold, "silence_duration_ms": options.silence_ms}
    else:
        detection = {"eagerness": options.eagerness}
    return {"type": options.turn_detection, **detection, "create_response": True, "interrupt_response": True}


def text_item(role: str, text: str) -> dict[str, Any]:
    """A message to put into the conversation."""
    content = [{"type": "input_text", "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": role, "content": content}}
