"""What a client may send on the agent's socket, and every way to get it wrong (elevenlabs.md A2.2, A3.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from sim.sound import base64_decoded
from sim.vendors.record import BrokenRuleError


class ClientRule(StrEnum):
    """A rule of ElevenLabs' own. All vendors' are in sim.vendors: audio_before_ready, odd_bytes, too_fast …"""

    BINARY_FRAME = "binary_frame"
    NOT_JSON = "not_json"
    NOT_INITIATED = "not_initiated"  # something else came before conversation_initiation_client_data
    INITIATED_TWICE = "initiated_twice"
    UNKNOWN_TYPE = "unknown_type"
    WRONG_SHAPE = "wrong_shape"
    BAD_BASE64 = "bad_base64"
    UNKNOWN_PING = "unknown_ping"
    PONG_LATE = "pong_late"
    RESERVED_VARIABLE = "reserved_variable"


TOLERATED = frozenset({"audio_before_ready", "too_fast", "unknown_tool_call", "odd_bytes"})
"""What ElevenLabs' own SDK and public bridges do and the real server puts up with. Our relay does none of it."""


@dataclass(frozen=True, slots=True)
class Initiation:
    message: Mapping[str, Any]

    @property
    def variables(self) -> Mapping[str, Any]:
        """dynamic_variables: names to strings, numbers and booleans."""
        variables: Mapping[str, Any] = self.message.get("dynamic_variables") or {}
        return variables

    def overrides(self) -> list[str]:
        """Dotted paths of the overridden fields in conversation_config_override."""
        paths: list[str] = []

        def walk(value: Mapping[str, Any], path: str) -> None:
            for key, item in value.items():
                if isinstance(item, Mapping):
                    walk(item, f"{path}{key}.")
                else:
                    paths.append(f"{path}{key}")

        walk(self.message.get("conversation_config_override") or {}, "")
        return paths


@dataclass(frozen=True, slots=True)
class CallerAudio:
    data: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    event_id: int


@dataclass(frozen=True, slots=True)
class ToolResult:
    tool_call_id: str
    result: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class Message:
    """Any other allowed message. `kind` is its type: user_message, contextual_update, user_activity, feedback …"""

    kind: str
    text: str


ClientEvent = Initiation | CallerAudio | Pong | ToolResult | Message


def read_event(text: str) -> ClientEvent:
    """Look at one message, without regard to what came before. Raises BrokenRuleError."""
    try:
        message = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise BrokenRuleError(ClientRule.NOT_JSON, str(error)) from None
    if not isinstance(message, dict):
        raise BrokenRuleError(ClientRule.WRONG_SHAPE, "a message must be an object")
    if "type" not in message and "user_audio_chunk" in message:
        return _audio(message["user_audio_chunk"])
    kind = message.get("type")
    match message:
        case {"type": "conversation_initiation_client_data"}:
            return _initiation(message)
        case {"type": "pong", "event_id": int(event_id)}:
            return Pong(event_id)
        case {"type": "client_tool_result", "tool_call_id": str(call_id), "result": str(result), "is_error": bool(bad)}:
            return ToolResult(call_id, result, bad)
        case {"type": "user_message" | "contextual_update", "text": str(said)}:
            return Message(str(kind), said)
        case {"type": "user_activity"} | {"type": "feedback", "event_id": int()}:
            return Message(str(kind), "")
    known = {"pong", "client_tool_result", "user_message", "contextual_update", "feedback"}
    raise BrokenRuleError(ClientRule.WRONG_SHAPE if kind in known else ClientRule.UNKNOWN_TYPE, str(kind))


def _audio(chunk: Any) -> CallerAudio:
    data = base64_decoded(chunk) if isinstance(chunk, str) else None
    if data is None:
        raise BrokenRuleError(ClientRule.BAD_BASE64, "user_audio_chunk")
    return CallerAudio(data)


def _initiation(message: dict[str, Any]) -> Initiation:
    for key in ("dynamic_variables", "conversation_config_override", "custom_llm_extra_body", "source_info"):
        if not isinstance(message.get(key, {}), dict):
            raise BrokenRuleError(ClientRule.WRONG_SHAPE, f"{key} must be an object")
    for name, value in message.get("dynamic_variables", {}).items():
        if name.startswith("system__"):
            raise BrokenRuleError(ClientRule.RESERVED_VARIABLE, name)
        if not isinstance(value, str | int | float | bool):
            raise BrokenRuleError(ClientRule.WRONG_SHAPE, f"dynamic variable {name} is {type(value).__name__}")
    return Initiation(message)
