"""Messages to Ultravox: the request for a call over HTTP, and messages on its socket (other-agents.md B8)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from relay.agents.seam import CallInfo
from relay.agents.tool_descriptions import describe
from relay.agents.ultravox.options import UltravoxOptions

# As much as the relay's own queue may hold, so that sound arrives early: `playback_clear_buffer` empties it.
CLIENT_BUFFER_MS: Final = 30_000
JOIN_TIMEOUT: Final = "30s"  # seconds after which a call that nobody joins ends
# The conversation pauses while a tool runs; by default for at most 2.5 s. A transfer waits until its announcement
# was heard; a user's tool may take 30 s.
TOOL_TIMEOUT: Final = "40s"

_ROLES: Final = {"caller": "MESSAGE_ROLE_USER", "agent": "MESSAGE_ROLE_AGENT"}


def start_call(options: UltravoxOptions, model: str, call: CallInfo) -> dict[str, Any]:
    """The request for a call with all settings: sound both ways at the line's own rate, 16 bits."""
    rate_hz = call.line.rate_hz
    medium = {"inputSampleRate": rate_hz, "outputSampleRate": rate_hz, "clientBufferSizeMs": CLIENT_BUFFER_MS}
    request: dict[str, Any] = {
        "systemPrompt": options.instructions(call),
        "model": model,
        "temperature": options.temperature,
        "medium": {"serverWebSocket": medium},
        "firstSpeakerSettings": _first_speaker(options, call),
        "joinTimeout": JOIN_TIMEOUT,
        "selectedTools": tools(describe(options.tools, options.transfer_targets, call.own_tools)),
    }
    if options.voice:
        request["voice"] = options.voice
    if options.language:
        request["languageHint"] = options.language
    if call.said_so_far:
        request["initialMessages"] = [{"role": _ROLES[said.speaker], "text": said.text} for said in call.said_so_far]
    return request


def _first_speaker(options: UltravoxOptions, call: CallInfo) -> dict[str, Any]:
    if words := options.first_words(call):
        return {"agent": {"text": words}}
    if prompt := options.opening(call):
        return {"agent": {"prompt": prompt}}
    return {"user": {}}


def tools(described: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Tools that the client runs, for this call only; each parameter with a schema of its own."""
    selected = []
    for tool in described:
        schema = tool["parameters"]
        required = schema.get("required", ())
        parameters = [
            {"name": name, "location": "PARAMETER_LOCATION_BODY", "schema": kind, "required": name in required}
            for name, kind in schema.get("properties", {}).items()
        ]
        definition = {
            "modelToolName": tool["name"],
            "description": tool["description"],
            "dynamicParameters": parameters,
            "timeout": TOOL_TIMEOUT,
            "client": {},
        }
        selected.append({"temporaryTool": definition})
    return selected


def caller_text(text: str, *, answered: bool = True) -> dict[str, Any]:
    """A message from the caller; `answered`: once the agent has finished speaking, otherwise only noted."""
    return {"type": "user_text_message", "text": text, "urgency": "soon" if answered else "later"}


def tool_result(call_id: str, result: str, *, is_error: bool) -> dict[str, Any]:
    """The answer of a tool."""
    said = {"errorType": "implementation-error", "errorMessage": result} if is_error else {"result": result}
    return {"type": "client_tool_result", "invocationId": call_id, **said}
