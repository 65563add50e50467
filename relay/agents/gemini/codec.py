"""Codec for Gemini Live's messages: events from the server, and the first one to it; no I/O (other-agents.md B3)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from relay.agents.gemini.options import GeminiOptions
from relay.agents.reading import Message, Reader, read, sound_of, unknown
from relay.agents.seam import CallerHeard, CallInfo, ToolCall, ToolCancelled
from relay.agents.tool_descriptions import describe

DEFAULT_RATE_HZ: Final = 24_000  # for sound whose type names no rate


@dataclass(frozen=True, slots=True)
class SetupComplete:
    """The setup was accepted; `session_id` may be missing."""

    session_id: str | None


@dataclass(frozen=True, slots=True)
class Handle:
    """The conversation can be resumed with this on another socket; empty: not at this moment."""

    handle: str


@dataclass(frozen=True, slots=True)
class GoAway:
    """This socket will be closed in this many seconds."""

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
    """The caller interrupted the model; later sound of this turn is stale."""


@dataclass(frozen=True, slots=True)
class GenerationComplete:
    """The model has generated the whole turn; not sent for an interrupted one."""


@dataclass(frozen=True, slots=True)
class TurnReason:
    """Why the current turn ended, if the server gives a reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class TurnComplete:
    """The turn is over."""


def decode(text: bytes) -> list[Any]:
    """The events of one server message, in their logical order. Never raises.

    A message may contain several events, and an interruption follows the sound in the same message.
    """
    return read(text, _read)


def _read(message: Message) -> Iterator[Any]:
    for name, reader in READERS.items():
        if (value := message.get(name)) is not None:
            yield from reader(value)
    yield from (unknown(name) for name in message if name not in READERS and name not in IGNORED)


def _content(content: Message) -> Iterator[Any]:
    for name, reader in CONTENT_READERS.items():
        if value := content.get(name):
            yield from reader(value)
    for name in content:
        place = f"serverContent.{name}"
        if name not in CONTENT_READERS and place not in IGNORED:
            yield unknown(place)


def _update(update: Message) -> Iterable[Any]:
    return (Handle(update.get("newHandle", "") if update.get("resumable") else ""),)


def _calls(call: Message) -> Iterable[Any]:
    for function in call["functionCalls"]:
        arguments = dict(function.get("args") or {})
        yield ToolCall(function.get("id") or "", function.get("name") or "", arguments, settled=False)


def _away(away: Message) -> Iterable[Any]:
    return (GoAway(float(str(away.get("timeLeft", "0s")).removesuffix("s"))),)


def _sound(turn: Message) -> Iterable[Any]:
    for part in turn.get("parts", ()):
        if sound := part.get("inlineData"):
            yield ModelAudio(sound_of(sound["data"]), _rate(sound["mimeType"]))


def _rate(mime_type: str) -> int:
    """`audio/pcm;rate=24000`; 0 for anything but PCM. Other parameters are ignored."""
    kind, *parameters = mime_type.lower().replace(" ", "").split(";")
    rate = next((one.removeprefix("rate=") for one in parameters if one.startswith("rate=")), "")
    if kind != "audio/pcm":
        return 0
    return int(rate) if rate else DEFAULT_RATE_HZ


READERS: Final[Mapping[str, Reader]] = {
    "setupComplete": lambda complete: (SetupComplete(complete.get("sessionId")),),
    "sessionResumptionUpdate": _update,
    "voiceActivity": lambda activity: (CallerHeard(),) if "END" in str(activity.get("voiceActivityType")) else (),
    "serverContent": _content,
    "toolCall": _calls,
    "toolCallCancellation": lambda cancellation: [ToolCancelled(call_id) for call_id in cancellation["ids"]],
    "goAway": _away,
}
"""By the name of a message's part, in the order in which the parts are meant."""

CONTENT_READERS: Final[Mapping[str, Any]] = {
    "interimInputTranscription": lambda words: (CallerHeard(),),
    "inputTranscription": lambda words: (CallerWords(words.get("text", ""), words.get("finished") is True),),
    "modelTurn": _sound,
    "outputTranscription": lambda words: (ModelWords(words.get("text", "")),),
    "interrupted": lambda interrupted: (Interrupted(),),
    "generationComplete": lambda complete: (GenerationComplete(),),
    "turnCompleteReason": lambda reason: (TurnReason(str(reason)),),
    "turnComplete": lambda complete: (TurnComplete(),),
}

IGNORED: Final[Mapping[str, str]] = {
    "usageMetadata": "tokens are counted on Google's bill",
    "voiceActivityDetectionSignal": "older name of voiceActivity",
    "serverContent.groundingMetadata": "no search tool is configured",
    "serverContent.urlContextMetadata": "no URL tool is configured",
    "serverContent.interactionStatus": "turnComplete says it",
    "serverContent.waitingForInput": "turnComplete says it",
}
"""What the server says that needs nothing of us, and why."""


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
            "tools": [{"functionDeclarations": _described(options, call)}],
            "realtimeInputConfig": {"automaticActivityDetection": detection},
            "inputAudioTranscription": {},
            "outputAudioTranscription": {},
            "sessionResumption": {"handle": handle} if handle else {},
            # without it a conversation of sound ends after a quarter of an hour
            "contextWindowCompression": {"slidingWindow": {}},
        }
    }


def _described(options: GeminiOptions, call: CallInfo) -> list[dict[str, Any]]:
    """An object without properties is refused as `parameters`: leave it out for a tool without arguments."""
    tools = describe(options.tools, options.transfer_targets, call.own_tools)
    for tool in tools:
        if not tool["parameters"]["properties"]:
            del tool["parameters"]
    return tools
