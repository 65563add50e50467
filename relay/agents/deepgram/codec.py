"""Codec for Deepgram Voice Agent's messages: from the server, and the first one to it; no I/O (other-agents.md B2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from relay.agents.deepgram.options import DeepgramOptions
from relay.agents.reading import Failed, FunctionCall, Message, Reader, read_by_type
from relay.agents.seam import CallerHeard, CallerText, CallInfo, Notice, ToolCancelled, Working
from relay.agents.tool_descriptions import END_CALL, TRANSFER, describe

_DEFERRED: Final = frozenset({END_CALL, TRANSFER})
"""Tools that can't be undone: held back until the caller's turn is confirmed."""
_ROLES: Final = {"caller": "user", "agent": "assistant"}


@dataclass(frozen=True, slots=True)
class Welcome:
    """The server's first message: it expects the settings now."""

    request_id: str


@dataclass(frozen=True, slots=True)
class SettingsApplied:
    """The server expects audio now."""


@dataclass(frozen=True, slots=True)
class AgentSays:
    """A sentence that the agent is about to speak."""

    text: str


@dataclass(frozen=True, slots=True)
class InjectionRefused:
    """A text of ours arrived while somebody spoke, and was dropped."""

    text: str


@dataclass(frozen=True, slots=True)
class AgentSpeaks:
    """Audio of a new turn follows."""


@dataclass(frozen=True, slots=True)
class AgentAudioDone:
    """All audio of the turn was sent; may be missing for one that was interrupted."""


@dataclass(frozen=True, slots=True)
class CallerSpeaks:
    """Drop everything that the agent has said so far."""


def decode(text: bytes) -> list[Any]:
    """The events of one text message, none if it does not matter here. Never raises."""
    return read_by_type(text, READERS, IGNORED)


def _conversation_text(message: Message) -> Iterable[Any]:
    text = message["content"].strip()
    return (CallerText(text) if message["role"] == "user" else AgentSays(text),)


def _functions(message: Message) -> Iterable[Any]:
    for function in message["functions"]:
        if function.get("client_side", True):
            yield FunctionCall(function.get("id") or "", function.get("name") or "", function.get("arguments") or "")
        else:  # the vendor calls it by itself
            yield Working(str(function.get("name", "")))


READERS: Final[Mapping[str, Reader]] = {
    "Welcome": lambda message: (Welcome(message["request_id"]),),
    "SettingsApplied": lambda message: (SettingsApplied(),),
    "ConversationText": _conversation_text,
    "AgentThinking": lambda message: (CallerHeard(),),
    "AgentStartedSpeaking": lambda message: (AgentSpeaks(),),
    "AgentAudioDone": lambda message: (AgentAudioDone(),),
    "UserStartedSpeaking": lambda message: (CallerSpeaks(),),
    "FunctionCallRequest": _functions,
    "FunctionCallResponse": lambda message: (Working(str(message.get("name", "")), done=True),),
    "FunctionCallCancelled": lambda message: [ToolCancelled(function["id"]) for function in message["functions"]],
    "InjectionRefused": lambda message: (InjectionRefused(str(message.get("message", ""))[:200]),),
    "Warning": lambda message: (
        Notice("warning", f"{message.get('code', '')} {message.get('description', '')}"[:300]),
    ),
    "Error": lambda message: (Failed(str(message["code"]).lower(), str(message.get("description", ""))[:300]),),
}

IGNORED: Final[Mapping[str, str]] = {
    "FrustrationDetected": "only with think_live, which is not configured",
    "History": "the record is made of ConversationText, as it is said",
    "LatencyReport": "the relay measures what the caller hears",
    "ListenUpdated": "answers a message that we never send",
    "PromptUpdated": "confirms a note",
    "SpeakUpdated": "answers a message that we never send",
    "ThinkLiveUpdated": "answers a message that we never send",
    "ThinkUpdated": "answers a message that we never send",
    "__customFromThinkProvider": "only from a custom think provider; nothing here uses it",
}
"""What the server says that needs nothing of us, and why."""


def settings_message(options: DeepgramOptions, call: CallInfo) -> dict[str, Any]:
    """The first message we send: the line's audio format, and the agent's settings."""
    rate_hz = call.line.rate_hz
    agent: dict[str, Any] = {
        "listen": {"provider": _listen(options)},
        "think": {
            "provider": {"type": options.think_provider, "model": options.think_model},
            "prompt": options.instructions(call),
            "functions": _described(options, call),
        },
        "speak": {"provider": {"type": "deepgram", "model": options.speak_model}},
    }
    # the greeting is a fixed text: without one of its own for a takeover, the agent uses the default
    if greeting := options.first_words(call) or options.greeting:
        agent["greeting"] = greeting
    if call.said_so_far:
        turns = [{"type": "History", "role": _ROLES[said.speaker], "content": said.text} for said in call.said_so_far]
        agent["context"] = {"messages": turns}
    return {
        "type": "Settings",
        "audio": {
            "input": {"encoding": "linear16", "sample_rate": rate_hz},
            # without `none` the sound comes with a WAV header, which is heard as a click
            "output": {"encoding": "linear16", "sample_rate": rate_hz, "container": "none"},
        },
        "agent": agent,
    }


def _listen(options: DeepgramOptions) -> dict[str, Any]:
    provider: dict[str, Any] = {"type": "deepgram", "model": options.listen_model}
    if not options.is_flux:
        return {**provider, "version": "v1", "language": options.language}
    provider["version"] = "v2"
    if options.listen_model.endswith("-multi"):  # the others recognise one language; this one takes a hint
        provider["language_hints"] = [options.language]
    if options.eot_threshold is not None:
        provider["eot_threshold"] = options.eot_threshold
    if options.eot_timeout_ms is not None:
        provider["eot_timeout_ms"] = options.eot_timeout_ms
    return provider


def _described(options: DeepgramOptions, call: CallInfo) -> list[dict[str, Any]]:
    tools = describe(options.tools, options.transfer_targets, call.own_tools)
    return [{**tool, "defer_until_eot": True} if tool["name"] in _DEFERRED else tool for tool in tools]
