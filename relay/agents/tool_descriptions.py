"""The tools an agent may call, described once as JSON schemas; each vendor's module puts them into its own form.

They are answered by relay.call.tools, `end_call` by the session itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec


class ToolName(StrEnum):
    """The relay's own tools; an agent's `options.tools` names some of them."""

    TRANSFER = "transfer_to_human"
    AMBIENCE = "control_background_sound"
    END_CALL = "end_call"
    PAUSE_RECORDING = "pause_recording"
    RESUME_RECORDING = "resume_recording"


TRANSFER: Final = ToolName.TRANSFER
AMBIENCE: Final = ToolName.AMBIENCE
END_CALL: Final = ToolName.END_CALL
PAUSE_RECORDING: Final = ToolName.PAUSE_RECORDING
RESUME_RECORDING: Final = ToolName.RESUME_RECORDING
ALL_TOOLS: Final[tuple[ToolName, ...]] = (TRANSFER, AMBIENCE, END_CALL)
"""What an agent has unless it says otherwise."""
RECORDING_TOOLS: Final[tuple[ToolName, ...]] = (PAUSE_RECORDING, RESUME_RECORDING)
"""To be asked for by name, by agents whose calls are recorded."""

_TEXT: Final = {"type": "string"}

_DESCRIPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    TRANSFER: {
        "name": TRANSFER,
        "description": "Connect the caller to a person. Use it when the caller asks for one or you can't help. "
        "Tell the caller that you connect them, then say nothing more.",
        "parameters": {
            "type": "object",
            "properties": {
                "target": {**_TEXT, "description": "Which team to connect to; leave it out if there is only one."},
                "reason": {**_TEXT, "description": "Why a person is needed, in a few words."},
                "summary": {**_TEXT, "description": "What the person should know: who calls and what was said."},
            },
            "required": ["reason", "summary"],
        },
    },
    AMBIENCE: {
        "name": AMBIENCE,
        "description": "Switch the background sound of this call on or off, or change its volume, "
        "when the caller says that it is too loud, too quiet or disturbing.",
        "parameters": {
            "type": "object",
            "properties": {
                "enabled": {"type": "boolean", "description": "Whether the background sound is heard at all."},
                "volume": {"type": "number", "description": "From 0 (silent) to 1 (as loud as speech)."},
            },
        },
    },
    PAUSE_RECORDING: {
        "name": PAUSE_RECORDING,
        "description": "Stop recording this call for a while. Use it before the caller says or presses something that "
        "must not be kept: a card's number, a password.",
        "parameters": {"type": "object", "properties": {}},
    },
    RESUME_RECORDING: {
        "name": RESUME_RECORDING,
        "description": "Go on recording this call, once what must not be kept has been said.",
        "parameters": {"type": "object", "properties": {}},
    },
    END_CALL: {
        "name": END_CALL,
        "description": "Hang up. Say goodbye first, then call this in the same turn.",
        "parameters": {"type": "object", "properties": {}},
    },
}


def describe(
    names: Iterable[str], targets: Sequence[str] = (), own: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """`name`, `description` and `parameters` of each tool; `targets`: those that a transfer may name.

    `own`: the user's tools, already described.
    """
    tools = [msgspec.to_builtins(_DESCRIPTIONS[name]) for name in names]
    for tool in tools:
        if tool["name"] == TRANSFER and targets:
            tool["parameters"]["properties"]["target"]["enum"] = list(targets)
            tool["parameters"]["required"] = ["target", *tool["parameters"]["required"]]
    return [*tools, *(dict(tool) for tool in own)]


def parse_arguments(text: str) -> dict[str, Any] | None:
    """The arguments of a call as a model wrote them; empty text counts as no arguments. None if it is not an object."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any]) if text.strip() else {}
    except msgspec.DecodeError:
        return None
