"""What a client may send on the agent's socket, and every way to get it wrong (elevenlabs.md A2.2, A3.2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from common.aside import PREFIX
from sim.sound import AudioFormat, base64_decoded


class ClientRule(StrEnum):
    """The rule that was broken."""

    BINARY_FRAME = "binary_frame"
    NOT_JSON = "not_json"
    NOT_INITIATED = "not_initiated"  # something else came before conversation_initiation_client_data
    INITIATED_TWICE = "initiated_twice"
    AUDIO_BEFORE_METADATA = "audio_before_metadata"
    UNKNOWN_TYPE = "unknown_type"
    WRONG_SHAPE = "wrong_shape"
    BAD_BASE64 = "bad_base64"
    ODD_BYTES = "odd_bytes"
    TOO_FAST = "too_fast"
    INPUT_GAP = "input_gap"
    UNKNOWN_TOOL_CALL = "unknown_tool_call"
    UNKNOWN_PING = "unknown_ping"
    PONG_LATE = "pong_late"
    RESERVED_VARIABLE = "reserved_variable"


TOLERATED = frozenset(
    {ClientRule.AUDIO_BEFORE_METADATA, ClientRule.TOO_FAST, ClientRule.UNKNOWN_TOOL_CALL, ClientRule.ODD_BYTES}
)
"""What ElevenLabs' own SDK and public bridges do and the real server puts up with. Our relay does none of it."""


@dataclass(frozen=True, slots=True)
class ClientViolation:
    """A rule broken at `at` (loop time)."""

    at: float
    rule: ClientRule
    detail: str

    @property
    def is_tolerated(self) -> bool:
        """The real server tolerates it: worth a warning."""
        return self.rule in TOLERATED


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

    @property
    def is_note(self) -> bool:
        """A note that nobody has said."""
        return self.kind == "contextual_update" or self.text.startswith(PREFIX)


ClientEvent = Initiation | CallerAudio | Pong | ToolResult | Message


class ClientRules:
    """Reads a client's messages. An invalid one is returned as the violation."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format

    def read(self, at: float, text: str) -> ClientEvent | ClientViolation:
        """Check one message, independently of earlier ones."""

        def wrong(rule: ClientRule, detail: str) -> ClientViolation:
            return ClientViolation(at, rule, detail)

        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            return wrong(ClientRule.NOT_JSON, str(error))
        if not isinstance(message, dict):
            return wrong(ClientRule.WRONG_SHAPE, "a message must be an object")
        if "type" not in message and "user_audio_chunk" in message:
            return self._audio(message["user_audio_chunk"], wrong)
        kind = message.get("type")
        match message:
            case {"type": "conversation_initiation_client_data"}:
                return _initiation(message, wrong)
            case {"type": "pong", "event_id": int(event_id)}:
                return Pong(event_id)
            case {
                "type": "client_tool_result",
                "tool_call_id": str(call_id),
                "result": str(result),
                "is_error": bool(bad),
            }:
                return ToolResult(call_id, result, bad)
            case {"type": "user_message" | "contextual_update", "text": str(said)}:
                return Message(str(kind), said)
            case {"type": "user_activity"} | {"type": "feedback", "event_id": int()}:
                return Message(str(kind), "")
        known = {"pong", "client_tool_result", "user_message", "contextual_update", "feedback"}
        return wrong(ClientRule.WRONG_SHAPE if kind in known else ClientRule.UNKNOWN_TYPE, str(kind))

    def _audio(self, chunk: Any, wrong: Callable[[ClientRule, str], ClientViolation]) -> CallerAudio | ClientViolation:
        data = base64_decoded(chunk) if isinstance(chunk, str) else None
        if data is None:
            return wrong(ClientRule.BAD_BASE64, "user_audio_chunk")
        if len(data) % self._format.sample_bytes:
            return wrong(ClientRule.ODD_BYTES, f"{len(data)} bytes of {self._format.name}")
        return CallerAudio(data)


def _initiation(
    message: dict[str, Any], wrong: Callable[[ClientRule, str], ClientViolation]
) -> Initiation | ClientViolation:
    for key in ("dynamic_variables", "conversation_config_override", "custom_llm_extra_body", "source_info"):
        if not isinstance(message.get(key, {}), dict):
            return wrong(ClientRule.WRONG_SHAPE, f"{key} must be an object")
    for name, value in message.get("dynamic_variables", {}).items():
        if name.startswith("system__"):
            return wrong(ClientRule.RESERVED_VARIABLE, name)
        if not isinstance(value, str | int | float | bool):
            return wrong(ClientRule.WRONG_SHAPE, f"dynamic variable {name} is {type(value).__name__}")
    return Initiation(message)
