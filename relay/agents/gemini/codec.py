"""Gemini Live's messages as a codec: what the server says as events, what we say first, no I/O (other-agents.md B3)."""

import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from relay.agents.gemini.options import GeminiOptions
from relay.agents.seam import CallInfo, ToolCall
from relay.agents.session import FunctionCancelled, Message, read
from relay.agents.tool_descriptions import describe


@dataclass(frozen=True, slots=True)
class SetupComplete:
    """The setup is in force; `session_id` may be missing."""

    session_id: str | None


@dataclass(frozen=True, slots=True)
class Handle:
    """With this the conversation can be resumed on another socket; empty: not at this moment."""

    handle: str


@dataclass(frozen=True, slots=True)
class GoAway:
    """This socket will be closed in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class CallerWords:
    """A piece of what the caller said."""

    text: str
    finished: bool


@dataclass(frozen=True, slots=True)
class ModelWords:
    """A piece of what the model says."""

    text: str


@dataclass(frozen=True, slots=True)
class ModelAudio:
    """Speech, pcm at `rate_hz`."""

    data: bytes
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller spoke over the model; what still comes of this turn is stale."""


@dataclass(frozen=True, slots=True)
class GenerationComplete:
    """The model has said all it has to say in this turn; not sent for an interrupted one."""


@dataclass(frozen=True, slots=True)
class TurnComplete:
    """The turn is over."""


def decode(text: bytes) -> list[Any]:
    """The events of one server message, in the order in which they are meant. Never raises.

    A message may carry several things, and an interruption belongs behind the sound it came with.
    """
    return read(text, _read)


def _read(message: Message) -> Iterator[Any]:
    if (complete := message.get("setupComplete")) is not None:
        yield SetupComplete(complete.get("sessionId"))
    if update := message.get("sessionResumptionUpdate"):
        yield Handle(update.get("newHandle", "") if update.get("resumable") else "")
    if content := message.get("serverContent"):
        yield from _content(content)
    if call := message.get("toolCall"):
        for function in call["functionCalls"]:
            yield ToolCall(function["id"], function["name"], dict(function.get("args") or {}))
    if cancellation := message.get("toolCallCancellation"):
        yield from (FunctionCancelled(call_id) for call_id in cancellation["ids"])
    if (away := message.get("goAway")) is not None:
        yield GoAway(float(str(away.get("timeLeft", "0s")).removesuffix("s")))


def _content(content: Message) -> Iterator[Any]:
    if words := content.get("inputTranscription"):
        yield CallerWords(words.get("text", ""), words.get("finished") is True)
    for part in (content.get("modelTurn") or {}).get("parts", ()):
        if sound := part.get("inlineData"):
            yield ModelAudio(binascii.a2b_base64(sound["data"]), _rate(sound["mimeType"]))
    if words := content.get("outputTranscription"):
        yield ModelWords(words.get("text", ""))
    if content.get("interrupted"):
        yield Interrupted()
    if content.get("generationComplete"):
        yield GenerationComplete()
    if content.get("turnComplete"):
        yield TurnComplete()


def _rate(mime_type: str) -> int:
    """`audio/pcm;rate=24000`; 0 for anything else."""
    kind, _, rate = mime_type.replace(" ", "").partition(";rate=")
    return int(rate) if kind == "audio/pcm" and rate else 0


def setup(options: GeminiOptions, model: str, call: CallInfo, handle: str = "") -> dict[str, Any]:
    """The first message of every socket; `handle` resumes a conversation."""
    instructions = options.instructions(call)
    if call.said_so_far:
        instructions += f"\n\nThis was said on this call before you took over:\n{call.recap}"
    detection = {"prefixPaddingMs": options.prefix_ms, "silenceDurationMs": options.silence_ms}
    return {
        "setup": {
            "model": model if "/" in model else f"models/{model}",
            "generationConfig": {
                "responseModalities": ["AUDIO"],
                "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": options.voice}}},
            },
            "systemInstruction": {"parts": [{"text": instructions}]},
            "tools": [{"functionDeclarations": describe(options.tools, options.transfer_targets)}],
            "realtimeInputConfig": {"automaticActivityDetection": detection},
            "inputAudioTranscription": {},
            "outputAudioTranscription": {},
            "sessionResumption": {"handle": handle} if handle else {},
            # without it a conversation of sound ends after a quarter of an hour
            "contextWindowCompression": {"slidingWindow": {}},
        }
    }
