"""ElevenLabs' SDK has no models of its socket's messages, but code that reads and writes them: that is what decides."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, get_args

from elevenlabs import ElevenLabs
from elevenlabs.conversational_ai import conversation as sdk
from elevenlabs.types.client_event import ClientEvent

SENT_BESIDES = {
    "queue_status": "in ElevenLabs' JavaScript client (elevenlabs.md A2.3), not in the Python SDK's list",
    "error": "the older name of client_error (elevenlabs.md A2.3)",
}


class Wire:
    """Stands where the SDK's socket does."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send(self, text: str) -> None:
        self.sent.append(json.loads(text))


class Silent(sdk.AudioInterface):
    """An audio interface of which nothing is heard."""

    def start(self, input_callback: Callable[[bytes], None]) -> None: ...

    def stop(self) -> None: ...

    def output(self, audio: bytes) -> None: ...

    def interrupt(self) -> None: ...


def new_conversation() -> sdk.Conversation:
    """The SDK's conversation, with every callback there is."""
    return sdk.Conversation(
        ElevenLabs(api_key="key"),
        "agent",
        requires_auth=False,
        audio_interface=Silent(),
        client_tools=sdk.ClientTools(loop=asyncio.new_event_loop()),
        callback_agent_response=lambda text: None,
        callback_agent_response_correction=lambda original, corrected: None,
        callback_agent_chat_response_part=lambda text, part: None,
        callback_user_transcript=lambda text: None,
        callback_latency_measurement=lambda milliseconds: None,
        callback_audio_alignment=lambda alignment: None,
    )


def elevenlabs_events() -> set[str]:
    """The names of the server's events."""
    return {name for one in get_args(ClientEvent) for name in get_args(one) if isinstance(name, str)}


def elevenlabs_check(side: str) -> Callable[[dict[str, Any]], str]:
    """Whether the SDK reads a message of the server's, or would itself write one of the client's like this."""
    return _sent_by_client() if side == "client" else _sent_by_server


def _sent_by_server(message: dict[str, Any]) -> str:
    kind = message.get("type", "")
    if kind not in elevenlabs_events() | set(SENT_BESIDES):
        return f"no event has the type {kind!r}"
    conversation = new_conversation()
    calls: list[tuple[str, dict[str, Any]]] = []
    conversation.client_tools.execute_tool = lambda name, parameters, callback: calls.append((name, parameters))
    try:
        conversation._handle_message(message, Wire())
    except Exception as error:  # noqa: BLE001 - whatever the SDK stumbles over
        return f"{type(error).__name__}: {error}"
    return ""


def _sent_by_client() -> Callable[[dict[str, Any]], str]:
    own = {message.get("type", "audio"): message for message in _own_messages()}

    def check(message: dict[str, Any]) -> str:
        kind = message.get("type", "audio")
        if kind not in own:
            return f"no client sends the type {kind!r}"
        problems = [f"{key} is not known" for key in message if key not in own[kind]]
        for key, value in message.items():
            if key in own[kind] and type(value) is not type(own[kind][key]):
                problems.append(f"{key} is {type(value).__name__}")
        optional = kind == "conversation_initiation_client_data"
        problems += [f"{key} is missing" for key in own[kind] if key not in message and not optional]
        return "; ".join(problems)

    return check


def _own_messages() -> list[dict[str, Any]]:
    """One of each that the SDK writes, made by itself."""
    conversation, wire = new_conversation(), Wire()
    conversation._ws = wire
    conversation.send_user_message("text")
    conversation.send_contextual_update("text")
    conversation.register_user_activity()
    conversation._handle_message({"type": "ping", "ping_event": {"event_id": 1, "ping_ms": None}}, wire)
    tools = conversation.client_tools
    tools.register("tool", lambda parameters: "result")
    tools._schedule_coroutine = lambda work: asyncio.run(work)
    call = {"tool_name": "tool", "tool_call_id": "call", "parameters": {}}
    tools._loop = asyncio.new_event_loop()
    conversation._handle_message({"type": "client_tool_call", "client_tool_call": call}, wire)
    return [*wire.sent, json.loads(conversation._create_initiation_message()), {"user_audio_chunk": "AAAA"}]
