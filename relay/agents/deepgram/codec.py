"""Deepgram Voice Agent's messages as a codec: what the server says, what we say first, no I/O (other-agents.md B2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from relay.agents.deepgram.options import DeepgramOptions
from relay.agents.seam import CallerText, CallInfo, Notice
from relay.agents.session import Failed, FunctionCall, FunctionCancelled, Message, Reader, read_by_type
from relay.agents.tool_descriptions import describe

_ROLES: Final = {"caller": "user", "agent": "assistant"}


@dataclass(frozen=True, slots=True)
class Welcome:
    """The server's first word: now it wants the settings."""

    request_id: str


@dataclass(frozen=True, slots=True)
class SettingsApplied:
    """Now it wants audio."""


@dataclass(frozen=True, slots=True)
class AgentSays:
    """A sentence that the agent is about to speak."""

    text: str


@dataclass(frozen=True, slots=True)
class AgentSpeaks:
    """Audio of a new turn follows."""


@dataclass(frozen=True, slots=True)
class AgentAudioDone:
    """All audio of the turn was sent; may not come for one that was spoken over."""


@dataclass(frozen=True, slots=True)
class CallerSpeaks:
    """Nothing the agent said so far is to be played any more."""


def decode(text: bytes) -> list[Any]:
    """The events of one text message, none for what we have no use for. Never raises."""
    return read_by_type(text, _READERS)


def _conversation_text(message: Message) -> Iterable[Any]:
    text = message["content"].strip()
    return (CallerText(text) if message["role"] == "user" else AgentSays(text),)


def _functions(message: Message) -> Iterable[Any]:
    # those that are not client_side the vendor calls by itself
    return [
        FunctionCall(function["id"], function["name"], function["arguments"])
        for function in message["functions"]
        if function.get("client_side", True)
    ]


_READERS: Final[Mapping[str, Reader]] = {
    "Welcome": lambda message: (Welcome(message["request_id"]),),
    "SettingsApplied": lambda message: (SettingsApplied(),),
    "ConversationText": _conversation_text,
    "AgentStartedSpeaking": lambda message: (AgentSpeaks(),),
    "AgentAudioDone": lambda message: (AgentAudioDone(),),
    "UserStartedSpeaking": lambda message: (CallerSpeaks(),),
    "FunctionCallRequest": _functions,
    "FunctionCallCancelled": lambda message: [FunctionCancelled(function["id"]) for function in message["functions"]],
    "InjectionRefused": lambda message: (Notice("injection_refused", str(message.get("message", ""))[:200]),),
    "Warning": lambda message: (
        Notice("warning", f"{message.get('code', '')} {message.get('description', '')}"[:300]),
    ),
    "Error": lambda message: (Failed(str(message["code"]).lower(), str(message.get("description", ""))[:300]),),
}


def settings_message(options: DeepgramOptions, call: CallInfo) -> dict[str, Any]:
    """The first message we send: sound as the line has it, and who the agent is."""
    rate_hz = call.line.rate_hz
    agent: dict[str, Any] = {
        "listen": {"provider": {"type": "deepgram", "model": options.listen_model, "language": options.language}},
        "think": {
            "provider": {"type": options.think_provider, "model": options.think_model},
            "prompt": options.instructions(call),
            "functions": describe(options.tools, options.transfer_targets),
        },
        "speak": {"provider": {"type": "deepgram", "model": options.speak_model}},
    }
    # the greeting is fixed text here: without words of its own for a takeover the agent uses the usual ones
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
